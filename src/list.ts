import { setTimeout as delay } from 'node:timers/promises';
import { checkSameListing, type Cursor, decodeCursor, encodeCursor } from './audit-log/cursor.ts';
import { type Instant, instantOf, microsecondsOf } from './audit-log/instant.ts';
import {
  checkLimit,
  checkQuery,
  type Entry,
  type EntryQuery,
  FILTERS,
  type Page,
  type PageQuery,
} from './audit-log/listing.ts';
import { checkObject, HorizonNotReachedError, InvalidArgumentError } from './errors.ts';
import type { AuditLogDatabase } from './store/database.ts';
import { asStoreError } from './store/errors.ts';
import { listEntries, listPublishedEntries } from './store/list-entries.ts';
import { retryUndone } from './store/retry-transient.ts';
import { seal } from './store/seal.ts';
import { type WaitOptions, whenReady } from './store/when-ready.ts';

/** One page of a listing. Its entries lie at or before the horizon that it tells, and so they are final. */
export async function list(
  database: AuditLogDatabase,
  query: PageQuery,
  sealedWithin: typeof NOW = NOW,
): Promise<Page> {
  checkObject('query', query);
  const { limit = 100, ...listing } = query;
  checkLimit('limit', limit);
  const place = placeOf(listing);
  const attempt = () => pageFrom(database, place, limit, sealedWithin);
  return await asStoreError('list', () => retryUndone(attempt, UNDONE_MS));
}

const UNDONE_MS = 5000;

/** A page shows what was completed up to the moment in which it was asked for. */
const NOW = { withinMs: 0 };

async function pageFrom(
  database: AuditLogDatabase,
  place: Cursor,
  limit: number,
  sealedWithin: typeof NOW,
): Promise<Page> {
  const published = maySuffice(place) ? await listPublishedEntries(database, place, limit) : null;
  let horizon = published ? later(published.horizon, place.horizon) : await horizonFor(database, place, sealedWithin);
  let entries = published?.entries ?? (await listEntries(database, { ...place, horizon }, limit));
  const mayHaveGrown = place.horizon !== undefined && place.order === 'ascending' && !isSettled({ ...place, horizon });
  if (entries.length < limit && mayHaveGrown) {
    horizon = await seal(database, lastBefore(place.to), sealedWithin);
    entries = await listEntries(database, { ...place, horizon }, limit);
  }

  const readUpToHorizon = place.order === 'ascending' && entries.length < limit;
  // Behind everything that was looked at, also by a filter, so that a follower does not look at it again. A cursor may
  // be from a server that had come further than this one: it never goes back.
  const isAhead = readUpToHorizon && horizon >= (place.position?.timeCompleted ?? '');
  const position = isAhead ? { timeCompleted: horizon, id: LAST_ID } : (entries.at(-1) ?? place.position);
  return {
    entries,
    next: encodeCursor({
      ...place,
      horizon: readUpToHorizon ? undefined : horizon,
      position: position && { timeCompleted: position.timeCompleted, id: position.id },
    }),
    horizon,
    settled: isSettled({ ...place, horizon }),
    retainedFrom: null,
  };
}

/** What the page before it told holds, though it need not have been published. */
function later(horizon: Instant, before: Instant | undefined): Instant {
  return before !== undefined && before > horizon ? before : horizon;
}

/**
 * Whether what has been published may fill the page. Not where everything up to it has been read, nor before the first
 * page of the newest; and with a filter, what does not match would be looked at twice if it does not.
 */
function maySuffice({ order, filter, horizon, position }: Cursor): boolean {
  if (FILTERS.some((name) => filter[name] !== undefined)) return false;
  return horizon !== undefined || (position === undefined && order === 'ascending');
}

// No id comes after it.
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** How far this server has come with the listing. A cursor may be from another one, which was ahead. */
async function horizonFor(
  database: AuditLogDatabase,
  { horizon, to, order }: Cursor,
  sealedWithin: typeof NOW,
): Promise<Instant> {
  if (horizon === undefined) return await seal(database, lastBefore(to), sealedWithin);
  const reached = await seal(database, horizon);
  if (order === 'ascending') return reached;
  if (reached < horizon) throw new HorizonNotReachedError(horizon, reached);
  return horizon;
}

function lastBefore(to: Instant | undefined): Instant | undefined {
  if (to === undefined) return undefined;
  const before = instantOf(microsecondsOf(to) - 1n);
  // PostgreSQL has no year 0. As far as `to` is enough, too.
  return before.startsWith('0000') ? to : before;
}

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
export async function* eachPage(
  database: AuditLogDatabase,
  query: EntriesQuery,
  onTrouble: WaitOptions['onRetry'],
): AsyncGenerator<Page, void, undefined> {
  checkObject('query', query);
  const { follow = false, signal, pageSize = 1000, ...listing } = query;
  checkLimit('pageSize', pageSize);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidArgumentError('signal', 'an AbortSignal', signal);
  }
  const { order } = placeOf(listing);
  if (follow && order === 'descending') throw new InvalidArgumentError('follow', 'order ascending', order);
  let { after } = listing;
  const sealedWithin = follow ? { withinMs: FOLLOW_MS } : NOW;
  const waiting = { signal: signal ?? new AbortController().signal, onRetry: onTrouble };
  for (let first = true; ; first = false) {
    signal?.throwIfAborted();
    const readPage = () => list(database, { ...listing, after, limit: pageSize }, sealedWithin);
    // What has never worked may be a mistake of the program.
    const page = await (follow && !first ? whenReady(readPage, waiting) : readPage());
    yield page;
    after = page.next;
    if (page.entries.length === pageSize) continue;
    if (!follow || page.settled) return;
    await delay(FOLLOW_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

export async function* eachEntry(
  database: AuditLogDatabase,
  query: EntriesQuery,
  onTrouble: WaitOptions['onRetry'],
): AsyncGenerator<Entry, void, undefined> {
  for await (const page of eachPage(database, query, onTrouble)) yield* page.entries;
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

function isSettled({ to, horizon }: Pick<Page, 'horizon'> & Pick<Cursor, 'to'>): boolean {
  return to !== undefined && microsecondsOf(to) <= microsecondsOf(horizon) + 1n;
}
