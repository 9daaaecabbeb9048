import { setTimeout as delay } from 'node:timers/promises';
import { queueError, type RepeatedError } from './events.ts';
import type { Logger } from '../logger.ts';
import { errorBudget } from './error-budget.ts';
import type { Timings } from './timings.ts';

export interface RepeatOptions {
  readonly intervalMs: () => number;
  readonly logger: Logger;
  readonly timings: Timings;
  /** The event of an error. Default: one of the queue. */
  readonly event?: (logger: Logger, fields: RepeatedError) => void;
}

export interface Repeating extends AsyncDisposable {
  /** What the last time threw. Undefined when it succeeded. */
  failure(): unknown;
}

/**
 * Runs `action` now, and again `intervalMs()` after it has ended, until it is disposed of: one at a time, however long
 * the database takes. Errors are logged, and the next time comes anyway. Resolves when the first time is over.
 */
export async function repeat(
  action: () => Promise<unknown>,
  { intervalMs, logger, timings, event = queueError }: RepeatOptions,
): Promise<Repeating> {
  const stopping = new AbortController();
  const onError = errorBudget((err, omitted) => event(logger, { err, omitted }), timings);
  let failure: unknown;
  const once = async (): Promise<void> => {
    try {
      await action();
      failure = undefined;
    } catch (err) {
      failure = err;
      onError(err);
    }
  };
  const wait = () => delay(intervalMs(), true, { signal: stopping.signal }).catch(() => false);
  const keepOn = async (): Promise<void> => {
    while (await wait()) await once();
  };
  await once();
  const running = keepOn();
  return {
    failure: () => failure,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}
