import { CommanderError } from 'commander';
import { ConfigError, InvalidArgumentError } from '../errors.ts';
import { reasonOf } from '../store/when-ready.ts';
import type { Timings } from '../worker/timings.ts';
import { createProgram, type Streams } from './program.ts';

/**
 * Runs one command line and answers its exit code: 0 done, 1 failed, 2 bad usage or configuration. Errors are one
 * message each, on stderr.
 */
export async function run(args: readonly string[], streams: Streams = process, timings?: Timings): Promise<number> {
  try {
    await createProgram(streams, timings).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has printed what is wrong already, or the help that was asked for.
    if (!(error instanceof CommanderError)) streams.stderr.write(`sealog: ${messageOf(error)}\n`);
    return exitCodeOf(error);
  }
}

/** Of the system, the operation and the address say little to somebody who did not know that a database is needed. */
function messageOf(error: unknown): string {
  const unreachable = connectionErrorIn(error);
  return unreachable ? `the database cannot be reached: ${reasonOf(unreachable)}` : reasonOf(error);
}

// pg gives these no code; the states are those of a server that starts, stops or takes no more connections.
const CONNECTION_MESSAGES = /^(?:timeout exceeded when trying to connect|Connection terminated|Query read timeout)/;
const CONNECTION_STATES = /^(?:08...|53300|57P0[1-3])$/;

function connectionErrorIn(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const inside: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { syscall, code = '', message = '' } = inside as { syscall?: string; code?: string; message?: string };
  const isOne = syscall === 'connect' || syscall === 'getaddrinfo' || CONNECTION_STATES.test(code);
  return isOne || CONNECTION_MESSAGES.test(message) ? error : connectionErrorIn(error.cause);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof ConfigError || error instanceof InvalidArgumentError ? 2 : 1;
}
