import type { Pool } from 'pg';

/** Begins so many entries ten hours ago, one a millisecond, as services that crashed have left them. */
export async function insertStaleEntries(pool: Pick<Pool, 'query'>, entries: number): Promise<void> {
  await pool.query(
    `insert into sealog.audit_log (time_started, operation_id, actor_kind)
     select now() - interval '10 hours' + make_interval(secs => n / 1000.0), 'stale_' || n % 5, 'system'
       from generate_series(1, $1) n`,
    [entries],
  );
}
