import pRetry from 'p-retry';
import { isTransient, isUndone } from './errors.ts';

/**
 * Repeats `attempt` while it fails for a reason that may pass: after 250, 750, 1750 and 3750 ms (the intervals of
 * Omicron's audit log), within `limitMs`. Reports each repetition, and throws what the last attempt threw.
 */
export async function retryTransient<T>(
  attempt: () => Promise<T>,
  { limitMs, onRepeat }: { readonly limitMs: number; readonly onRepeat: () => void },
): Promise<T> {
  return await pRetry((number) => (number > 1 && onRepeat(), attempt()), {
    retries: 4,
    minTimeout: 250,
    factor: 2,
    maxRetryTime: limitMs,
    shouldRetry: ({ error }) => isTransient(error),
  });
}

/**
 * Repeats `attempt`, which is in no transaction of anybody, within `limitMs` while the server undoes it for the sake of
 * others: where `serializable` is the default of the database, that can happen to any statement.
 */
export async function retryUndone<T>(attempt: () => Promise<T>, limitMs: number): Promise<T> {
  return await pRetry(attempt, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 5,
    factor: 2,
    maxTimeout: 200,
    randomize: true,
    maxRetryTime: limitMs,
    shouldRetry: ({ error }) => isUndone(error),
  });
}
