import { checkObject, describe, InvalidCursorError } from '../errors.ts';
import { checkEntryId } from './completion.ts';
import { canonicalInstant, type Instant } from './instant.ts';
import { checkQuery, type EntryFilter, type EntryQuery, FILTERS, type Order } from './listing.ts';

/** A place in a listing, with all that is needed to go on from there. */
export interface Cursor {
  readonly order: Order;
  readonly from: Instant | undefined;
  readonly to: Instant | undefined;
  readonly filter: EntryFilter;
  /** Up to where the log is known to be final. Undefined when everything up to there has been read. */
  readonly horizon: Instant | undefined;
  /** The last entry that was read, also one that did not pass the filter. */
  readonly position: { readonly timeCompleted: Instant; readonly id: string } | undefined;
}

const VERSION = 1;
const UNCHANGED = 'expected the `next` of an earlier page, unchanged';

/** Opaque text of a cursor, safe in a URL. */
export function encodeCursor(cursor: Cursor): string {
  const json = JSON.stringify({ version: VERSION, ...cursor });
  return Buffer.from(checksum(json) + json).toString('base64url');
}

/** Throws {@link InvalidCursorError} for text that `encodeCursor` did not make. */
export function decodeCursor(text: string): Cursor {
  const decoded = typeof text === 'string' ? Buffer.from(text, 'base64url').toString() : '';
  const json = decoded.slice(8);
  if (decoded.length <= 8 || checksum(json) !== decoded.slice(0, 8)) {
    throw new InvalidCursorError(UNCHANGED);
  }
  try {
    const { version, ...cursor } = JSON.parse(json) as { version: number } & Cursor;
    if (version !== VERSION) {
      throw new InvalidCursorError(`expected version ${VERSION}, got ${version}: another version of sealog made it`);
    }
    checkParts(cursor);
    return cursor;
  } catch (error) {
    if (error instanceof InvalidCursorError) throw error;
    throw new InvalidCursorError(UNCHANGED);
  }
}

/** Whoever makes a cursor himself may ask for what a query may ask for, and nothing else. */
function checkParts({ order, from, to, filter, horizon, position }: Cursor): void {
  checkObject('filter', filter);
  // A query may leave it out.
  if (order === undefined) throw new InvalidCursorError(UNCHANGED);
  checkQuery({ ...filter, order, from, to });
  if (horizon !== undefined) canonicalInstant('horizon', horizon);
  if (position === undefined) return;
  canonicalInstant('timeCompleted', position.timeCompleted);
  checkEntryId(position.id);
}

/** Throws {@link InvalidCursorError} when the query asks for another listing than the one that the cursor is of. */
export function checkSameListing(cursor: Cursor, query: EntryQuery): void {
  const listing: EntryQuery = { ...cursor.filter, from: cursor.from, to: cursor.to, order: cursor.order };
  for (const name of ['from', 'to', 'order', ...FILTERS] as const) {
    if (query[name] !== undefined && query[name] !== listing[name]) {
      throw new InvalidCursorError(
        `it belongs to a listing with ${name} ${describe(listing[name])}, and ${describe(query[name])} was asked for`,
      );
    }
  }
}

// Against accidents, not against malice: whoever may list may list everything, and whoever passes on a cursor of
// somebody who may not gives the filters again. FNV-1a, 32 bits.
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}
