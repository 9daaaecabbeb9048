import { CommanderError } from 'commander';
import { ConfigError, InvalidArgumentError } from '../errors.ts';
import { reasonOf } from '../store/when-ready.ts';
import { createProgram, type Streams } from './program.ts';

/**
 * Runs one command line and answers its exit code: 0 done, 1 failed, 2 bad usage or configuration. Errors are one
 * message each, on stderr.
 */
export async function run(args: readonly string[], streams: Streams = process): Promise<number> {
  try {
    await createProgram(streams).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has told what is wrong already, or shown the help that was asked for.
    if (!(error instanceof CommanderError)) streams.stderr.write(`sealog: ${tell(error)}\n`);
    return exitCodeOf(error);
  }
}

/** Of the system, the operation and the address say little to somebody who did not know that a database is needed. */
function tell(error: unknown): string {
  const unreachable = connectionErrorIn(error);
  return unreachable ? `the database cannot be reached: ${reasonOf(unreachable)}` : reasonOf(error);
}

function connectionErrorIn(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const inside = error instanceof AggregateError ? error.errors[0] : error;
  const { syscall } = inside as { syscall?: string };
  return syscall === 'connect' || syscall === 'getaddrinfo' ? error : connectionErrorIn(error.cause);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof ConfigError || error instanceof InvalidArgumentError ? 2 : 1;
}
