import { CommanderError } from 'commander';
import { ConfigError, InvalidArgumentError } from '../errors.ts';
import { reasonOf } from '../store/when-ready.ts';
import { createProgram } from './program.ts';

/** Runs one command line. Exit codes: 0 done, 1 failed, 2 bad usage or configuration. Errors are one message each. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has told what is wrong already, or shown the help that was asked for.
    if (!(error instanceof CommanderError)) process.stderr.write(`sealog: ${reasonOf(error)}\n`);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof ConfigError || error instanceof InvalidArgumentError ? 2 : 1;
}
