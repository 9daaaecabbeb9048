import { checkKeys, InvalidArgumentError } from '../errors.ts';
import type { Actor, Resource } from './entry.ts';
import { canonicalInstant, type Instant } from './instant.ts';

/** How an entry ended, as readers see it. `unknown`: its outcome was not recorded; the operation may have taken effect. */
export type EntryResult =
  | { readonly kind: 'success'; readonly httpStatusCode: number | null }
  | {
      readonly kind: 'error';
      readonly httpStatusCode: number | null;
      readonly code: string | null;
      readonly message: string;
    }
  | { readonly kind: 'unknown' };

/** A completed entry. It never changes again. */
export interface Entry {
  /** UUIDv7. */
  readonly id: string;
  readonly timeStarted: Instant;
  /** When the entry was completed; for `unknown`, when the log did so itself. The log is in the order of it. */
  readonly timeCompleted: Instant;
  readonly operationId: string;
  readonly actor: Actor;
  readonly tenantId: string | null;
  readonly authMethod: string | null;
  readonly credentialId: string | null;
  readonly requestId: string | null;
  readonly requestUri: string | null;
  readonly sourceIp: string | null;
  readonly userAgent: string | null;
  readonly resource: Resource | null;
  /** The JSON value that was recorded. A number that JavaScript would round is text, with all its digits. */
  readonly details: unknown;
  /** The process that began it. */
  readonly instanceId: string | null;
  readonly result: EntryResult;
  /** The id of the entry with result `unknown` whose late outcome this one records. */
  readonly amends: string | null;
}

export type Order = 'ascending' | 'descending';

/** Which entries are asked for. All that are given must hold. */
export interface EntryFilter {
  readonly operationId?: string | undefined;
  readonly actorId?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly result?: EntryResult['kind'] | undefined;
}

/** Entries by the time of their completion. */
export interface EntryQuery extends EntryFilter {
  /** Inclusive. Default: the beginning. */
  readonly from?: Instant | undefined;
  /** Exclusive. Default: as far as the log is final. A later one is clamped to that. */
  readonly to?: Instant | undefined;
  /** By `(timeCompleted, id)`. Default `ascending`. */
  readonly order?: Order | undefined;
}

export interface PageQuery extends EntryQuery {
  /**
   * The `next` of an earlier page. It carries bounds, order and filters; those that are given again must be the same.
   */
  readonly after?: string | undefined;
  /** 1 to 10 000, default 100. */
  readonly limit?: number | undefined;
}

export interface Page {
  readonly entries: readonly Entry[];
  /** Continues after this page, also after the last one: then it gives what has been completed since. */
  readonly next: string;
  /**
   * There is more to read now, with `next`. Only false ends a loop: a page with a filter ends after a quarter of a second,
   * so it may be short or empty and not the last one.
   */
  readonly more: boolean;
  /** No entry will ever be added, changed or removed at or before it. */
  readonly horizon: Instant;
  /** `to` was given and the horizon has reached it: the same range will never hold more. */
  readonly settled: boolean;
  /** Entries completed before it have been removed. Null: none ever were. */
  readonly retainedFrom: Instant | null;
}

export const FILTERS: readonly (keyof EntryFilter)[] = ['operationId', 'actorId', 'tenantId', 'result'];
const KEYS = ['from', 'to', 'order', ...FILTERS] satisfies (keyof EntryQuery)[];
const RESULTS = ['success', 'error', 'unknown'] satisfies EntryResult['kind'][];

/** The query with its instants in canonical form. Throws {@link InvalidArgumentError}, naming the argument. */
export function checkQuery(query: EntryQuery): EntryQuery {
  checkKeys('query', query, KEYS);
  for (const name of FILTERS) {
    const value: unknown = query[name];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new InvalidArgumentError(name, 'non-empty text', value);
    }
  }
  if (query.result !== undefined && !RESULTS.includes(query.result)) {
    throw new InvalidArgumentError('result', `one of ${RESULTS.join(', ')}`, query.result);
  }
  if (query.order !== undefined && query.order !== 'ascending' && query.order !== 'descending') {
    throw new InvalidArgumentError('order', 'ascending or descending', query.order);
  }
  const from = query.from === undefined ? undefined : canonicalInstant('from', query.from);
  const to = query.to === undefined ? undefined : canonicalInstant('to', query.to);
  return { ...query, from, to };
}

/** Throws {@link InvalidArgumentError} for a number of entries that a page cannot have. */
export function checkLimit(argument: string, limit: unknown): void {
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > 10_000) {
    throw new InvalidArgumentError(argument, 'a whole number from 1 to 10000', limit);
  }
}
