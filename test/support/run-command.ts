import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { Writable } from 'node:stream';
import { run } from '../../src/cli/run.ts';

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command line in this process, as one that writes to no terminal, and answers what it printed: for what a command
 * says. A process takes half a second longer, and is for what one does: its signals, its pipes, its memory, its log.
 */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandRun> {
  const fd = openSync(devNull, 'w');
  const [stdout, stderr] = [recorded(fd), recorded(fd)];
  const before = { env: process.env, exitCode: process.exitCode };
  // These are the test's own: Jest gives each file another `process`.
  const streams = ['stdout', 'stderr'].map((name) => [name, Object.getOwnPropertyDescriptor(process, name)!] as const);
  Object.defineProperties(process, {
    stdout: { value: stdout, configurable: true },
    stderr: { value: stderr, configurable: true },
  });
  process.env = { ...before.env, ...env };
  process.exitCode = undefined;
  try {
    const code = await run(args, process);
    return { code: code === 0 ? exitCodeSet() : code, stdout: stdout.text, stderr: stderr.text };
  } finally {
    process.env = before.env;
    process.exitCode = before.exitCode;
    for (const [name, descriptor] of streams) Object.defineProperty(process, name, descriptor);
    closeSync(fd);
  }
}

function recorded(fd: number): Writable & { fd: number; text: string } {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _, done) {
      written.text += chunk;
      done();
    },
  });
  const written = Object.assign(stream, { fd, text: '', isTTY: false });
  return written;
}

/** Of a command that ran and failed. */
function exitCodeSet(): number {
  return Number(process.exitCode ?? 0);
}
