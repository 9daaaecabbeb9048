import { setTimeout as delay } from 'node:timers/promises';
import { checkSameListing, type Cursor, decodeCursor } from './audit-log/cursor.ts';
import { checkLimit, checkQuery, type Entry, type EntryQuery, type Page, type PageQuery } from './audit-log/listing.ts';
import { checkObject, InvalidArgumentError } from './errors.ts';
import { type PageOf, readPage, type Reading } from './read-page.ts';
import type { AuditLogDatabase } from './store/database.ts';
import { asStoreError } from './store/errors.ts';
import { retryUndone } from './store/retry-transient.ts';
import { toEntry } from './store/select-entries.ts';
import { type WaitOptions, whenReady } from './store/when-ready.ts';

/** One page of a listing. Its entries are at or before its horizon, and so they are final. */
export async function list(database: AuditLogDatabase, query: PageQuery): Promise<Page> {
  return await listAs(database, query, { form: toEntry });
}

/** The same, with the entries in another form. */
export async function listAs<E>(database: AuditLogDatabase, query: PageQuery, reading: Reading<E>): Promise<PageOf<E>> {
  checkObject('query', query);
  const { limit = 100, ...listing } = query;
  checkLimit('limit', limit);
  const place = placeOf(listing);
  return await asStoreError('list', () => retryUndone(() => readPage(database, place, limit, reading), UNDONE_MS));
}

const UNDONE_MS = 5000;

/** How {@link AuditLog.entries} goes through a listing. */
export interface EntriesQuery extends EntryQuery {
  /** The `next` of an earlier page, to go on from there. */
  readonly after?: string | undefined;
  /** Go on for ever, with entries as they are completed; with `to`, until that is settled. Only ascending. */
  readonly follow?: boolean | undefined;
  /** Ends the iteration by throwing the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Entries fetched at a time, 1 to 10 000, default 1000. */
  readonly pageSize?: number | undefined;
}

/** How long a follower waits for more, in milliseconds. What another one has sealed meanwhile is enough for it. */
const FOLLOW_MS = 500;

/**
 * The pages of a listing one after the other. With `follow`, an empty page comes at least every half second, and after its
 * first page a follower waits for as long as it takes while the trouble may pass, and reports it: who reads entries has
 * no cursor to begin with again.
 */
export async function* eachPage<E>(
  database: AuditLogDatabase,
  query: EntriesQuery,
  reading: Reading<E>,
  onTrouble: WaitOptions['onRetry'],
): AsyncGenerator<PageOf<E>, void, undefined> {
  checkObject('query', query);
  const { follow = false, signal, pageSize = 1000, ...listing } = query;
  checkLimit('pageSize', pageSize);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidArgumentError('signal', 'an AbortSignal', signal);
  }
  const { order } = placeOf(listing);
  if (follow && order === 'descending') throw new InvalidArgumentError('follow', 'order ascending', order);
  let { after } = listing;
  const waiting = { signal: signal ?? new AbortController().signal, onRetry: onTrouble };
  for (let first = true; ; first = false) {
    signal?.throwIfAborted();
    const withinMs = follow ? FOLLOW_MS : 0;
    const nextPage = () => listAs(database, { ...listing, after, limit: pageSize }, { withinMs, ...reading });
    // What has never worked may be a mistake of the program.
    const page = await (follow && !first ? whenReady(nextPage, waiting) : nextPage());
    yield page;
    after = page.next;
    if (page.more) continue;
    if (!follow || page.settled) return;
    await delay(FOLLOW_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

export async function* eachEntry(
  database: AuditLogDatabase,
  query: EntriesQuery,
  onTrouble: WaitOptions['onRetry'],
): AsyncGenerator<Entry, void, undefined> {
  for await (const page of eachPage(database, query, { form: toEntry }, onTrouble)) yield* page.entries;
}

function placeOf({ after, ...query }: Omit<PageQuery, 'limit'>): Cursor {
  const { from, to, order, operationId, actorId, tenantId, result } = checkQuery(query);
  if (after === undefined) {
    const filter = { operationId, actorId, tenantId, result };
    return { order: order ?? 'ascending', from, to, filter, horizon: undefined, position: undefined };
  }
  const cursor = decodeCursor(after);
  checkSameListing(cursor, { from, to, order, operationId, actorId, tenantId, result });
  return cursor;
}
