import type pg from 'pg';
import type { Instant } from '../../../src/index.ts';
import type { List } from './history.ts';
import type { ReaderContext } from './readers.ts';

/** How many entries the table held, up to a horizon, just after that was told; a page could hide one behind its limit. */
export interface Count {
  readonly from: Instant;
  readonly horizon: Instant;
  readonly entries: number;
  readonly at: string;
}

const WINDOW = '20 seconds';

/** Asks for the horizon and counts what is there at once, again and again. */
export async function takeCensus(
  list: List,
  pool: Pick<pg.Pool, 'query'>,
  counts: Count[],
  { random, signal }: ReaderContext,
): Promise<void> {
  while (!signal.aborted) {
    const { horizon } = await list({ order: 'descending', limit: 1 + random.below(3) });
    const { rows } = await pool.query<{ from: Instant; entries: number }>(
      `select to_char(low at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as from,
              (select count(*)::integer from sealog.audit_log_complete where time_completed between low and $1) as entries
         from (select $1::timestamptz - interval '${WINDOW}') window_start(low)`,
      [horizon],
    );
    counts.push({ ...rows[0]!, horizon, at: new Date().toISOString() });
  }
}
