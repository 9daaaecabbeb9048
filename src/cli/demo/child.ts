import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Environment } from '../../config/environment.ts';
import { DemoError } from './demo-error.ts';

/** One line that a process logged: as it was written, and its fields. */
export interface LogLine {
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A process of the demo, killed when it is disposed of, and at the latest with the process that started it. */
export interface Child extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** The lines that it has written to stdout so far and that are JSON objects with this `event`. */
  logged(event: string): LogLine[];
  /** Throws when the process has ended, although it should still be at work. */
  assertRunning(): void;
  /** Sends the signal and waits for the end. Returns the exit code, null when the signal killed it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** What it wrote to stdout, once it has ended by itself. Throws if that was no success, or when `signal` aborts. */
  result(signal: AbortSignal): Promise<string>;
}

export async function startChild(name: string, args: readonly string[], env: Environment): Promise<Child> {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  // Also when we are ended without unwinding, by a second Ctrl-C for one.
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const ended = once(child, 'close').then(() => process.removeListener('exit', killAtExit));
  await once(child, 'spawn');

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    await ended;
    return child.exitCode;
  };
  const failure = (): DemoError => {
    const last = `${errors}\n${output}`.trim().split('\n').slice(-10).join('\n');
    return new DemoError(`${name} has ended with ${child.exitCode ?? child.signalCode}; its last output:\n${last}`);
  };
  return {
    name,
    pid: child.pid ?? 0,
    logged: (event) => parseLines(output).filter(({ fields }) => fields['event'] === event),
    assertRunning() {
      if (child.exitCode !== null || child.signalCode !== null) throw failure();
    },
    end,
    async result(signal) {
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const abort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      await Promise.race([ended, aborted]).finally(() => signal.removeEventListener('abort', abort));
      if (child.exitCode !== 0) throw failure();
      return output;
    },
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
    },
  };
}

function parseLines(output: string): LogLine[] {
  // The last piece is a line that is still being written, or empty.
  const lines = output.split('\n').slice(0, -1);
  return lines
    .filter((line) => line.startsWith('{"'))
    .map((text) => ({ text, fields: JSON.parse(text) as Record<string, unknown> }));
}
