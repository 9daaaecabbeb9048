import type pg from 'pg';

/** Stops the clock of pg-boss in the test's own database: no age, and no slot, depends on when a test runs and how fast. */
export async function stopQueueClock(pool: Pick<pg.Pool, 'query'>, at: Date): Promise<void> {
  await pool.query(`
    create or replace function pgboss.job_now() returns timestamptz language sql stable
    as $$ select timestamptz '${at.toISOString()}' $$`);
}

/**
 * Steps the clock of pg-boss forward to two minutes past an hour: neither a schedule of every five minutes nor one of every
 * hour has a slot in the minutes that follow, nor had one in the minute before.
 */
export async function stepQueueClockPastSlots(pool: Pick<pg.Pool, 'query'>): Promise<void> {
  const { rows } = await pool.query<{ seconds: number }>(
    `select extract(epoch from date_trunc('hour', now()) + interval '1 hour 2 minutes' - now())::float8 as seconds`,
  );
  await pool.query(`
    create or replace function pgboss.job_now() returns timestamptz language sql stable
    as $$ select now() + make_interval(secs => ${rows[0]!.seconds}) $$`);
}

/** Replaces the audit log's clock in the test's own database by a SQL expression. Nobody reports it as a rule that is off. */
export async function replaceClock(pool: Pick<pg.Pool, 'query'>, expression: string): Promise<void> {
  await pool.query(
    `create or replace function sealog.audit_log_clock() returns timestamptz language sql volatile return ${expression}`,
  );
  await pool.query(`
    select set_config('search_path', 'sealog, pg_temp', true), set_config('timezone', 'UTC', true);
    update sealog.migrated_rule
       set definition = regexp_replace(pg_get_functiondef('audit_log_clock'::regproc), '(CREATE OR REPLACE FUNCTION )sealog[.]', '\\1')
     where kind = 'function' and name = 'audit_log_clock()'`);
}
