import pRetry from 'p-retry';
import { isTransient, SchemaVersionError } from './errors.ts';

export interface WaitOptions {
  readonly signal: AbortSignal;
  readonly onRetry: (failure: { readonly reason: string; readonly attempt: number }) => void;
}

/**
 * Runs `start`, again and again while the database cannot be reached or its schema is not migrated yet: every few
 * seconds, for as long as it takes. Anything else that it throws, a schema newer than the code included, is final.
 */
export async function whenReady<T>(start: () => Promise<T>, { signal, onRetry }: WaitOptions): Promise<T> {
  return await pRetry(start, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 500,
    factor: 1.5,
    maxTimeout: 5000,
    signal,
    shouldRetry: ({ error }) => isPassing(error),
    onFailedAttempt: ({ error, attemptNumber }) => {
      if (isPassing(error)) onRetry({ reason: reasonOf(error), attempt: attemptNumber });
    },
  });
}

function isPassing(error: Error): boolean {
  return isTransient(error) || (error instanceof SchemaVersionError && error.schema === 'behind');
}

/** Node reports a refused connection to several addresses as an error without a message. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((each) => reasonOf(each)).join('; ');
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
