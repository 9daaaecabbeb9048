import type pg from 'pg';
import { decodeCursor } from '../../../src/audit-log/cursor.ts';
import type { PageQuery } from '../../../src/index.ts';
import type { ReadPage, SeenEntry } from './history.ts';

/** The completed past as the table holds it when all is over, against which everything that was read is judged. */
export class FinalPast {
  readonly entries: readonly SeenEntry[];
  /** Time and id of each entry in one text that sorts like the pair: both have a fixed width. */
  readonly #keys: readonly string[];

  constructor(entries: readonly SeenEntry[]) {
    this.entries = entries;
    this.#keys = entries.map(keyOf);
  }

  static async read(pool: Pick<pg.Pool, 'query'>): Promise<FinalPast> {
    const { rows } = await pool.query<SeenEntry>(
      `select id, to_char(time_completed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "timeCompleted",
              result_kind as result
         from sealog.audit_log_complete order by time_completed, id`,
    );
    return new FinalPast(rows);
  }

  /** How many entries lie at or before an instant. */
  countUpTo(instant: string): number {
    return this.#firstAtOrAfter(`${instant}~`);
  }

  countBefore(instant: string): number {
    return this.#firstAtOrAfter(instant);
  }

  /** What the query should have answered when the horizon was there. */
  pageOf({ query, horizon }: Pick<ReadPage, 'query' | 'horizon'>): readonly SeenEntry[] {
    const { from, to, position, order } = placeOf(query);
    const beyond = position && `${position.timeCompleted}${position.id}`;
    const ascending = order !== 'descending';
    let low = from === undefined ? 0 : this.countBefore(from);
    let high = this.countUpTo(horizon);
    if (to !== undefined) high = Math.min(high, this.countBefore(to));
    if (beyond !== undefined && ascending) low = Math.max(low, this.#firstAtOrAfter(`${beyond}~`));
    if (beyond !== undefined && !ascending) high = Math.min(high, this.#firstAtOrAfter(beyond));
    const limit = query.limit ?? 100;
    if (ascending) return this.entries.slice(low, Math.min(high, low + limit));
    return this.entries.slice(Math.max(low, high - limit), Math.max(low, high)).toReversed();
  }

  #firstAtOrAfter(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function keyOf({ timeCompleted, id }: SeenEntry): string {
  return timeCompleted + id;
}

function placeOf(query: PageQuery) {
  if (query.after !== undefined) return decodeCursor(query.after);
  // Microseconds, as the library completes what it is given.
  const canonical = (text: string | undefined) => text?.replace(/(?<=\.\d{3})Z$/, '000Z');
  return { from: canonical(query.from), to: canonical(query.to), order: query.order, position: undefined };
}
