/**
 * A stream without a listener would end the process with the first line that it cannot write, in the middle of what it
 * does. That nobody reads any more is no failure: the command goes on, and ends as it would have. Anything else is one.
 */
export function surviveStdoutFailures(): void {
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    const tellsItself = process.stdout.listenerCount('error') > 1;
    if (tellsItself || code === 'EPIPE' || code === 'ECONNRESET') return;
    process.exitCode = 1;
    process.stderr.write(`sealog: stdout: ${message}\n`);
  });
}
