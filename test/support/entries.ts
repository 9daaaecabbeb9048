import type { Pool } from 'pg';

export interface TestEntry {
  readonly id?: string;
  readonly operationId?: string;
  /** How long ago it was started, by the database's clock. */
  readonly startedMinutesAgo: number;
}

/** Begins entries in the past, as only tests need it: through plain SQL, in one statement. Returns their ids. */
export async function insertEntries(pool: Pick<Pool, 'query'>, entries: readonly TestEntry[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into sealog.audit_log (id, time_started, operation_id, actor_kind)
     select coalesce((entry->>'id')::uuid, sealog.audit_log_uuid()),
            date_trunc('minute', sealog.audit_log_clock()) - make_interval(mins => (entry->>'startedMinutesAgo')::integer),
            coalesce(entry->>'operationId', 'test_operation'), 'system'
       from jsonb_array_elements($1) with ordinality as entries(entry, position) order by position
     returning id`,
    [JSON.stringify(entries)],
  );
  return rows.map(({ id }) => id);
}

/** Rows as text, to compare them to the byte. */
export async function entriesAsText(pool: Pick<Pool, 'query'>, ids: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ text: string }>(
    `select audit_log::text as text from sealog.audit_log where id = any($1) order by id`,
    [ids],
  );
  return rows.map(({ text }) => text);
}

export interface StoredResult {
  readonly id: string;
  readonly result_kind: string | null;
  readonly http_status_code: number | null;
  readonly completed: boolean;
}

export async function resultsOf(pool: Pick<Pool, 'query'>): Promise<StoredResult[]> {
  const { rows } = await pool.query<StoredResult>(
    `select id, result_kind, http_status_code, time_completed is not null as completed
       from sealog.audit_log order by time_started, id`,
  );
  return rows;
}
