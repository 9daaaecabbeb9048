import { sql } from 'kysely';
import type { AuditLogDatabase } from './database.ts';
import { sealedLately } from './seal.ts';

/** One worker process. Several may have the same name. */
export interface ReplicaIdentity {
  /** A UUID. */
  readonly id: string;
  readonly name: string;
}

/** The schedule that a replica was configured with, for one job. */
export interface ReplicaSchedule {
  readonly name: string;
  readonly job: string;
  readonly cron: string;
  readonly timezone: string;
}

/** Nobody seals again what was sealed this lately, for readers who cannot seal for themselves. */
const SEALED_SECONDS = 10;

export interface CheckIn {
  readonly configured: readonly Omit<ReplicaSchedule, 'name'>[];
  /** A replica that has not checked in for so long is gone, and forgotten. */
  readonly goneSeconds: number;
}

/**
 * Says that the replica is there and what it was configured with, forgets replicas that are gone, and seals. One
 * statement, because every replica sends it for ever. One that has checked in for an instant to come did so before the
 * clock was set back, and is taken for one that has checked in now: it would be there until the clock has come so far.
 */
export async function checkInReplica(
  { db, schema }: AuditLogDatabase,
  { id, name }: ReplicaIdentity,
  { configured, goneSeconds }: CheckIn,
): Promise<void> {
  await db
    .with('gone', (qb) =>
      qb
        .deleteFrom('replica')
        .where('id', '<>', id)
        .where('time_checked', '<', sql<string>`clock_timestamp() - pg_catalog.make_interval(secs => ${goneSeconds})`),
    )
    .with('taken_back', (qb) =>
      qb
        .updateTable('replica')
        .set({ time_checked: sql<string>`clock_timestamp()` })
        .where('id', 'in', (ids) =>
          ids
            .selectFrom('replica')
            .select('id')
            .where('id', '<>', id)
            .where('time_checked', '>', sql<string>`clock_timestamp() + interval '5 s'`)
            // Each may find the others, and none waits for another.
            .forUpdate()
            .skipLocked(),
        ),
    )
    .with('checked_in', (qb) =>
      qb
        .insertInto('replica')
        .values(configured.map((schedule) => ({ id, name, ...schedule })))
        .onConflict((conflict) =>
          conflict.columns(['id', 'job']).doUpdateSet((row) => ({
            cron: row.ref('excluded.cron'),
            timezone: row.ref('excluded.timezone'),
            time_checked: sql<string>`clock_timestamp()`,
          })),
        ),
    )
    .selectNoFrom(
      sql`${sql.id(schema, 'audit_log_seal')}(${sql.raw(sealedLately(schema, SEALED_SECONDS))})`.as('sealed'),
    )
    .execute();
}

export async function checkOutReplica({ db }: AuditLogDatabase, { id }: ReplicaIdentity): Promise<void> {
  await db.deleteFrom('replica').where('id', '=', id).execute();
}

/** The replicas that have checked in within the last `goneSeconds`, by name. */
export async function listReplicaSchedules(
  { db }: AuditLogDatabase,
  { job, goneSeconds }: { readonly job: string; readonly goneSeconds: number },
): Promise<Omit<ReplicaSchedule, 'job'>[]> {
  return await db
    .selectFrom('replica')
    .select(['name', 'cron', 'timezone'])
    .where('job', '=', job)
    .where('time_checked', '>=', sql<string>`clock_timestamp() - pg_catalog.make_interval(secs => ${goneSeconds})`)
    .orderBy('name')
    .execute();
}
