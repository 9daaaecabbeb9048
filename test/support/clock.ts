import type pg from 'pg';

/** Replaces the audit log's clock in the test's own database by a SQL expression. Nobody reports it as a rule that is off. */
export async function replaceClock(pool: Pick<pg.Pool, 'query'>, expression: string): Promise<void> {
  await pool.query(
    `create or replace function sealog.audit_log_clock() returns timestamptz language sql volatile return ${expression}`,
  );
  await pool.query(`delete from sealog.migrated_rule where name = 'audit_log_clock()'`);
}
