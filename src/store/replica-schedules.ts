import { sql } from 'kysely';
import type { AuditLogDatabase } from './database.ts';

/** The schedule that a replica was configured with, for one job. */
export interface ReplicaSchedule {
  readonly name: string;
  readonly job: string;
  readonly cron: string;
  readonly timezone: string;
}

/** A replica that has not checked for so long is gone. It checks much more often. */
const GONE_SECONDS = 120;

/** Says that the replica is there and what it was configured with, and forgets replicas that are gone. */
export async function checkInReplica({ db }: AuditLogDatabase, replica: ReplicaSchedule): Promise<void> {
  await db
    .with('gone', (qb) =>
      qb
        .deleteFrom('replica')
        .where('name', '<>', replica.name)
        .where('time_checked', '<', sql<string>`clock_timestamp() - make_interval(secs => ${GONE_SECONDS})`),
    )
    .insertInto('replica')
    .values(replica)
    .onConflict((conflict) =>
      conflict.columns(['name', 'job']).doUpdateSet({
        cron: replica.cron,
        timezone: replica.timezone,
        time_checked: sql<string>`clock_timestamp()`,
      }),
    )
    .execute();
}

export async function checkOutReplica({ db }: AuditLogDatabase, name: string): Promise<void> {
  await db.deleteFrom('replica').where('name', '=', name).execute();
}

/** The replicas that are there, by name. */
export async function listReplicaSchedules(
  { db }: AuditLogDatabase,
  job: string,
): Promise<Omit<ReplicaSchedule, 'job'>[]> {
  return await db
    .selectFrom('replica')
    .select(['name', 'cron', 'timezone'])
    .where('job', '=', job)
    .where('time_checked', '>=', sql<string>`clock_timestamp() - make_interval(secs => ${GONE_SECONDS})`)
    .orderBy('name')
    .execute();
}
