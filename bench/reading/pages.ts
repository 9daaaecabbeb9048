import pg from 'pg';
import { createAuditLog } from '../../src/index.ts';

/** Places in a log: where a page begins. */
export const PLACES = ['start', 'middle', 'end'] as const;
export type Place = (typeof PLACES)[number];

export const PAGE = 100;

/** Reads one page and answers its number of entries. */
export type ReadPage = () => Promise<number>;

export interface Pages extends AsyncDisposable {
  readonly contestants: Readonly<Record<string, ReadPage>>;
}

interface Position {
  readonly time: string;
  readonly id: string;
}

/** What is written by hand: the columns that readers see, from a place on. */
const KEYSET = `select * from sealog.audit_log_complete where (time_completed, id) > ($1::timestamptz, $2::uuid)
  order by time_completed, id limit ${PAGE}`;
const OFFSET = `select * from sealog.audit_log_complete order by time_completed, id offset $1 limit ${PAGE}`;

/** One page at one place of a log of so many entries: by sealog's cursor, by the same key by hand, and by OFFSET. */
export async function openPages(url: string, { size, place }: { size: number; place: Place }): Promise<Pages> {
  const offset = { start: 0, middle: Math.floor(size / 2), end: size - PAGE }[place];
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  pool.on('error', () => {});
  const auditLog = createAuditLog({ pool });
  const position = await positionAt(pool, offset);
  // A cursor is opaque: the one of a page that ends there leads on from there.
  const before = await auditLog.list({ from: position.time, limit: 1 });
  return {
    contestants: {
      'bare keyset': async () => (await pool.query(KEYSET, [position.time, position.id])).rows.length,
      sealog: async () => (await auditLog.list({ after: before.next, limit: PAGE })).entries.length,
      offset: async () => (await pool.query(OFFSET, [offset])).rows.length,
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

async function positionAt(pool: pg.Pool, offset: number): Promise<Position> {
  const { rows } = await pool.query<Position>(
    `select to_char(time_completed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time, id
       from sealog.audit_log_complete order by time_completed, id offset $1 limit 1`,
    [Math.max(0, offset - 1)],
  );
  return rows[0]!;
}
