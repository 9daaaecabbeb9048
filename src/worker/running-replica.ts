import type { PgBoss } from 'pg-boss';

/**
 * The replica that runs the activation which started at `startedOn`; null when it cannot be told.
 *
 * pg-boss does not write down who claimed a job. But an activation is one transaction, on a session that bears the name
 * of its replica, and it is the longest that a replica has: the other ones take milliseconds. Null for a role that may
 * not see the sessions of the workers.
 */
export async function runningReplica(
  boss: PgBoss,
  { startedOn, replicas }: { readonly startedOn: Date; readonly replicas: readonly string[] },
): Promise<string | null> {
  const { rows } = await boss.getDb().executeSql(
    `select replica
       from unnest($2::text[]) as replica
       join pg_stat_activity as session on session.application_name = left('sealog ' || replica, 63)
      where session.datname = current_database() and session.xact_start >= $1
      order by session.xact_start limit 1`,
    [startedOn, replicas],
  );
  const [found] = rows as { replica: string }[];
  return found?.replica ?? null;
}
