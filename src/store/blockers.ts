import { sql } from 'kysely';
import type { MigratableDatabase } from './database.ts';

/** A session that holds a lock for which this process waits. */
export interface Blocker {
  readonly pid: number;
  /** Null, as `userName` and `state`, for a role that may not see it. */
  readonly applicationName: string | null;
  readonly userName: string | null;
  readonly state: string | null;
  /** How long its transaction has been open. Null when it is in none, or for a role that may not see it. */
  readonly openSeconds: number | null;
}

/**
 * The sessions that keep this process's sessions waiting for a lock, and those that hold the advisory lock of that name,
 * the longest open first. This process's own are known by their application name.
 */
export async function findBlockers({ db }: MigratableDatabase, lockName: string): Promise<Blocker[]> {
  const { rows } = await sql<Blocker>`
    with waited_for as (
      select unnest(pg_blocking_pids(pid)) as pid
        from pg_stat_activity
       where datname = current_database() and usename = current_user and wait_event_type = 'Lock'
         and application_name = current_setting('application_name')
      union
      select pid from pg_locks
       where locktype = 'advisory' and objsubid = 1 and granted
         and database = (select oid from pg_database where datname = current_database())
         and (classid::bigint << 32 | objid::bigint) = pg_catalog.hashtextextended(${lockName}, 0)
    )
    select pid, application_name as "applicationName", usename as "userName", state,
           extract(epoch from clock_timestamp() - xact_start)::float8 as "openSeconds"
      from waited_for left join pg_stat_activity as holder using (pid)
     where pid <> 0 and (usename, application_name) is distinct from (current_user, current_setting('application_name'))
     order by holder.xact_start, pid
  `.execute(db);
  return rows;
}
