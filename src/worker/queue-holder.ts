import type { PgBoss } from 'pg-boss';
import { TIMINGS } from './timings.ts';

/** A session that holds one of pg-boss's advisory locks, which anybody may take who can connect to the database. */
export interface QueueHolder {
  readonly pid: number;
  /** Null, as `userName` and `state`, for a role that may not see it. */
  readonly applicationName: string | null;
  readonly userName: string | null;
  readonly state: string | null;
  /** Since the session last did something else. Null for a role that may not see it. */
  readonly ageSeconds: number | null;
}

/**
 * The session that has held for ten seconds a lock under which pg-boss installs, makes queues or takes lost activations
 * back; of several, the one that did so first. While it does, nobody takes over what a killed replica ran.
 */
export async function queueHolder(boss: PgBoss, schema: string): Promise<QueueHolder | null> {
  const { rows } = await boss.getDb().executeSql(
    // The keys are those of pg-boss's advisoryLockKey() in plans.js.
    `with key as (
       select ('x' || encode(sha224((current_database() || '.pgboss.' || $1 || suffix)::bytea), 'hex'))::bit(64)::bigint as key
         from (values (''), ('create-queue'), ('delete-queue'), ('job_commonfailJobsByTimeout'),
                      ('job_commonfailJobsByHeartbeat')) as lock (suffix)
     )
     select * from (
       select held.pid, application_name as "applicationName", usename as "userName", state,
              extract(epoch from clock_timestamp() - coalesce(xact_start, state_change))::float8 as "ageSeconds"
         from pg_locks as held left join pg_stat_activity as session using (pid)
        where locktype = 'advisory' and objsubid = 1 and granted
          and held.database = (select oid from pg_database where datname = current_database())
          and (held.classid::bigint << 32 | held.objid::bigint) in (select key from key)
     ) as holder
      where "ageSeconds" is null or "ageSeconds" >= $2
      order by "ageSeconds" desc nulls last, pid limit 1`,
    [schema, TIMINGS.heldSeconds],
  );
  return (rows[0] as QueueHolder | undefined) ?? null;
}
