import { checkObject, InvalidArgumentError } from '../errors.ts';
import type { Resource } from './entry.ts';
import type { Instant } from './instant.ts';

/**
 * The result kind of a completed entry, as the table keeps it. `timeout` says only that nobody recorded an outcome in
 * time, not that the operation failed, took effect or timed out; readers of the log see it as `unknown`.
 */
export type ResultKind = 'success' | 'error' | 'timeout';

interface WhatIsKnownAfterwards {
  /** 100 to 599. */
  readonly httpStatusCode?: number | undefined;
  /** Replaces the resource that the entry was begun with, e.g. by the id that the operation created. */
  readonly resource?: Resource | undefined;
  /** Replaces the details that the entry was begun with. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** How an operation ended. Admits only what the constraints of the table admit. */
export type Completion =
  | ({ readonly kind: 'success' } & WhatIsKnownAfterwards)
  | ({
      readonly kind: 'error';
      /** What the client was told, kept to 4096 characters. Never the internal message. */
      readonly message: string;
      /** The kind of error, kept to 512 characters, e.g. `InvalidRequest`. */
      readonly code?: string | undefined;
    } & WhatIsKnownAfterwards);

/** What a completion came to. Only a failure to reach the database is an error. */
export type CompleteResult =
  | { readonly status: 'completed'; readonly timeCompleted: Instant }
  /** Completed before: by another caller, by an earlier attempt whose answer was lost, or late and amended already. */
  | { readonly status: 'already-completed'; readonly result: ResultKind; readonly timeCompleted: Instant }
  /** The worker had closed the entry as `timeout`. It stays as it is, and the outcome is in an entry of its own. */
  | { readonly status: 'amended'; readonly amendmentId: string }
  | { readonly status: 'not-found' };

/** Throws {@link InvalidArgumentError} for a completion that the table would refuse. */
export function checkCompletion(completion: Completion): void {
  checkObject('completion', completion);
  const { kind, httpStatusCode } = completion;
  if (kind !== 'success' && kind !== 'error') {
    throw new InvalidArgumentError('completion.kind', 'success or error', kind);
  }
  if (kind === 'error' && typeof completion.message !== 'string') {
    throw new InvalidArgumentError('completion.message', 'text, because the kind is error', completion.message);
  }
  if (
    httpStatusCode !== undefined &&
    !(Number.isInteger(httpStatusCode) && httpStatusCode >= 100 && httpStatusCode <= 599)
  ) {
    throw new InvalidArgumentError('completion.httpStatusCode', 'a whole number from 100 to 599', httpStatusCode);
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Throws {@link InvalidArgumentError} for an id that no entry can have. */
export function checkEntryId(id: string): void {
  if (typeof id !== 'string' || !UUID.test(id)) throw new InvalidArgumentError('id', 'the UUID of an entry', id);
}
