import pRetry from 'p-retry';
import { isTransient } from './errors.ts';

/** All attempts together, in milliseconds, one that never answers included. */
const ALL_ATTEMPTS_MS = 5000;

/**
 * Repeats `attempt` while it fails for a reason that may pass: after 250, 750, 1750 and 3750 ms, for 5 s in all
 * (the intervals of Omicron's audit log). Tells each repetition, and throws what the last attempt threw.
 */
export async function retryTransient<T>(attempt: () => Promise<T>, onRepeat: () => void): Promise<T> {
  const { promise: outOfTime, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ALL_ATTEMPTS_MS} ms`)), ALL_ATTEMPTS_MS);
  try {
    return await Promise.race([
      outOfTime,
      pRetry((number) => (number > 1 && onRepeat(), attempt()), {
        retries: 4,
        minTimeout: 250,
        factor: 2,
        maxRetryTime: ALL_ATTEMPTS_MS,
        shouldRetry: ({ error }) => isTransient(error),
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
