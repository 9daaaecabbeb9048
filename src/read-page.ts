import { type Cursor, encodeCursor } from './audit-log/cursor.ts';
import { type Instant, instantOf, microsecondsOf } from './audit-log/instant.ts';
import { FILTERS, type Page } from './audit-log/listing.ts';
import { HorizonNotReachedError } from './errors.ts';
import type { AuditLogDatabase } from './store/database.ts';
import { instantOfJson } from './store/instant-json.ts';
import { type FinalPlace, listEntries, listPublishedEntries, listStretch } from './store/list-entries.ts';
import { seal } from './store/seal.ts';
import type { EntryRow } from './store/select-entries.ts';

/** A page with its entries in another form than the library gives them. */
export interface PageOf<E> extends Omit<Page, 'entries'> {
  readonly entries: readonly E[];
}

/** How pages are read. */
export interface Reading<E> {
  /** What becomes of a row. */
  readonly form: (row: EntryRow) => E;
  /** What anybody has sealed within so many milliseconds is enough. Default 0: everything completed up to now is shown. */
  readonly withinMs?: number;
  /** After how many milliseconds a page with a filter ends, full or not. Default 250. */
  readonly scanMs?: number;
}

/** Entries that are read in one statement, when there is a filter: few at first, because many may pass. */
const FIRST_STRETCH = 1000;
const LONGEST_STRETCH = 16_000;

/** The page of a place, which goes back or on from there. */
export async function readPage<E>(
  database: AuditLogDatabase,
  place: Cursor,
  limit: number,
  { form, withinMs = 0, scanMs = 250 }: Reading<E>,
): Promise<PageOf<E>> {
  const until = performance.now() + scanMs;
  const published = maySuffice(place) ? await listPublishedEntries(database, place, limit) : null;
  let horizon = published ? later(published.horizon, place.horizon) : await horizonFor(database, place, withinMs);
  let read = published
    ? readBy(published.rows, place, limit)
    : await readUpTo(database, { ...place, horizon }, limit, until);
  const mayHaveGrown = place.horizon !== undefined && place.order === 'ascending' && !isSettled({ ...place, horizon });
  if (read.atEnd && mayHaveGrown) {
    horizon = later(await seal(database, lastBefore(place.to), { withinMs }), horizon);
    const rest = { ...place, position: read.position, horizon };
    const { rows, ...reached } = await readUpTo(database, rest, limit - read.rows.length, until);
    read = { rows: [...read.rows, ...rows], ...reached };
  }

  const readUpToHorizon = place.order === 'ascending' && read.atEnd;
  // Behind everything that was read, so that a follower does not read it again. A cursor may be from a server that had
  // come further than this one: it never goes back.
  const isAhead = readUpToHorizon && horizon >= (read.position?.timeCompleted ?? '');
  return {
    entries: read.rows.map(form),
    next: encodeCursor({
      ...place,
      horizon: readUpToHorizon ? undefined : horizon,
      position: isAhead ? { timeCompleted: horizon, id: LAST_ID } : read.position,
    }),
    more: !read.atEnd,
    horizon,
    settled: isSettled({ ...place, horizon }),
    retainedFrom: null,
  };
}

/** What a page has of a range. */
interface Read {
  readonly rows: readonly EntryRow[];
  /** The last entry that was read, also one that did not pass the filter. */
  readonly position: Cursor['position'];
  /** Whether nothing of the range is left. */
  readonly atEnd: boolean;
}

/** Without a filter one statement; with one, stretch after stretch until the page is full or the time is up. */
async function readUpTo(database: AuditLogDatabase, place: FinalPlace, limit: number, until: number): Promise<Read> {
  if (!isFiltered(place)) return readBy(await listEntries(database, place, limit), place, limit);
  const rows: EntryRow[] = [];
  let { position } = place;
  for (let size = FIRST_STRETCH; ; size = Math.min(2 * size, LONGEST_STRETCH)) {
    const stretch = await listStretch(database, { ...place, position }, { size, limit: limit - rows.length });
    rows.push(...stretch.rows);
    if (stretch.last) position = positionOf(stretch.last);
    if (stretch.atEnd || rows.length === limit || performance.now() >= until) {
      return { rows, position, atEnd: stretch.atEnd };
    }
  }
}

function readBy(rows: readonly EntryRow[], place: Pick<Cursor, 'position'>, limit: number): Read {
  const last = rows.at(-1);
  return { rows, position: last ? positionOf(last) : place.position, atEnd: rows.length < limit };
}

function positionOf({ time_completed, id }: EntryRow): NonNullable<Cursor['position']> {
  return { timeCompleted: instantOfJson(time_completed), id };
}

/** The page before this one may have had a horizon that is not published yet. */
function later(horizon: Instant, before: Instant | undefined): Instant {
  return before !== undefined && before > horizon ? before : horizon;
}

/**
 * Whether what has been published may fill the page. Not where everything up to it has been read, nor before the first
 * page of the newest; and with a filter, what does not pass would be read twice if it does not.
 */
function maySuffice({ order, horizon, position, ...place }: Cursor): boolean {
  if (isFiltered(place)) return false;
  return horizon !== undefined || (position === undefined && order === 'ascending');
}

function isFiltered({ filter }: Pick<Cursor, 'filter'>): boolean {
  return FILTERS.some((name) => filter[name] !== undefined);
}

// No id comes after it.
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** How far this server has come with the listing. A cursor may be from another one, which was ahead. */
async function horizonFor(
  database: AuditLogDatabase,
  { horizon, to, order }: Cursor,
  withinMs: number,
): Promise<Instant> {
  if (horizon === undefined) return await seal(database, lastBefore(to), { withinMs });
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

function isSettled({ to, horizon }: Pick<Page, 'horizon'> & Pick<Cursor, 'to'>): boolean {
  return to !== undefined && microsecondsOf(to) <= microsecondsOf(horizon) + 1n;
}
