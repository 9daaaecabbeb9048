import type { Pool } from 'pg';

/** One activation as the job table tells it. Instants are milliseconds since 1970. */
export interface ActivationRow {
  readonly id: string;
  readonly state: string;
  readonly trigger: string;
  readonly by: string | null;
  readonly retries: number;
  readonly timedOut: number;
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
  readonly createdAt: number;
  /** When its transaction began, by its cutoff; null unless it has completed. */
  readonly beganAt: number | null;
  readonly error: string | null;
}

export interface ActivationsOptions {
  /** As the fleet was configured with. */
  readonly timeoutSeconds: number;
}

/** All activations, in the order in which they were queued. */
export async function activationRows(
  pool: Pick<Pool, 'query'>,
  { timeoutSeconds }: ActivationsOptions,
): Promise<ActivationRow[]> {
  const { rows } = await pool.query<ActivationRow>(
    `select id, state, coalesce(data->>'trigger', 'none') as trigger, output->>'by' as by, retry_count as retries,
            coalesce((output->>'timedOut')::integer, 0) as "timedOut",
            coalesce(output->'skipped', '[]') as skipped,
            (extract(epoch from created_on) * 1000)::float8 as "createdAt",
            (extract(epoch from (output->>'cutoff')::timestamptz) * 1000)::float8 + $1 * 1000 as "beganAt",
            coalesce(output->>'message', output->'value'->>'message', output->>'value') as error
       from pgboss.job where name = 'audit-timeout' order by created_on, id`,
    [timeoutSeconds],
  );
  return rows;
}

/** What the database's clock says, in milliseconds since 1970. */
export async function databaseNow(pool: Pick<Pool, 'query'>): Promise<number> {
  const { rows } = await pool.query<{ now: number }>(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`,
  );
  return rows[0]!.now;
}

export async function staleCount(pool: Pick<Pool, 'query'>, timeoutSeconds: number): Promise<number> {
  const { rows } = await pool.query<{ stale: number }>(
    `select count(*)::integer as stale from sealog.audit_log
      where time_completed is null and time_started < clock_timestamp() - make_interval(secs => $1)`,
    [timeoutSeconds],
  );
  return rows[0]!.stale;
}
