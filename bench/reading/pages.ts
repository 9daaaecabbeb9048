import pg from 'pg';
import { createAuditLog, type PageQuery } from '../../src/index.ts';

/** Places in a log. At the newest there is nothing behind the page, so sealog has to seal before it answers. */
export const PLACES = ['first', 'middle', 'end', 'newest'] as const;
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

/** What is written by hand: the columns that readers see, in their order. */
const COMPLETE = 'select * from sealog.audit_log_complete';
const KEYSET = `${COMPLETE} where (time_completed, id) > ($1::timestamptz, $2::uuid)
  order by time_completed, id limit ${PAGE}`;
const FIRST = `${COMPLETE} order by time_completed, id limit ${PAGE}`;
const NEWEST = `${COMPLETE} order by time_completed desc, id desc limit ${PAGE}`;
const OFFSET = `${COMPLETE} order by time_completed, id offset $1 limit ${PAGE}`;

/** One page at one place of a log of so many entries: by sealog, by the same key by hand, and by OFFSET. */
export async function openPages(url: string, { size, place }: { size: number; place: Place }): Promise<Pages> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  pool.on('error', () => {});
  const auditLog = createAuditLog({ pool });
  const bare = async (text: string, values: readonly unknown[] = []) =>
    (await pool.query(text, [...values])).rows.length;
  const ours = async (query: PageQuery) => (await auditLog.list({ ...query, limit: PAGE })).entries.length;
  const contestants = async (): Promise<Pages['contestants']> => {
    if (place === 'first') return { 'bare keyset': () => bare(FIRST), sealog: () => ours({}) };
    if (place === 'newest') return { 'bare keyset': () => bare(NEWEST), sealog: () => ours({ order: 'descending' }) };
    const offset = place === 'middle' ? Math.floor(size / 2) : size - PAGE;
    const position = await positionAt(pool, offset);
    // A cursor is opaque: the one of a page that ends there leads on from there.
    const { next } = await auditLog.list({ from: position.time, limit: 1 });
    return {
      'bare keyset': () => bare(KEYSET, [position.time, position.id]),
      sealog: () => ours({ after: next }),
      offset: () => bare(OFFSET, [offset]),
    };
  };
  return { contestants: await contestants(), [Symbol.asyncDispose]: () => pool.end() };
}

async function positionAt(pool: pg.Pool, offset: number): Promise<Position> {
  const { rows } = await pool.query<Position>(
    `select to_char(time_completed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time, id
       from sealog.audit_log_complete order by time_completed, id offset $1 limit 1`,
    [Math.max(0, offset - 1)],
  );
  return rows[0]!;
}
