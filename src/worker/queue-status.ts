import type { Instance, PgBoss } from 'pg-boss';
import { lastActivations, type RecordedActivation } from './activation-history.ts';
import { type QueueConnection, withClient } from './boss.ts';
import { listInstances, nameOf } from './instances.ts';
import { type QueueHolder, queueHolder } from './queue-holder.ts';
import type { JobSchedule } from './queue.ts';
import { runningReplica } from './running-replica.ts';

/** One worker process, from pg-boss's instance table. */
export interface Replica {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly startedOn: Date;
  /** It tells every 30 s that it is there. */
  readonly lastSeen: Date;
  /** Of pg-boss. */
  readonly version: string;
  /** The job of which it runs an activation now. */
  readonly activeJob: string | null;
}

/** What pg-boss knows of one job. Instants are by the database's clock. */
export interface QueueStatus {
  readonly readOn: Date;
  /** Null when no worker has installed it yet. */
  readonly schedule: JobSchedule | null;
  readonly nextRun: Date | null;
  /** Between the next slot and the one after it. */
  readonly periodSeconds: number | null;
  /** Why the installed schedule cannot be read. Null when it can, or when there is none. */
  readonly scheduleError: string | null;
  /** The third slot in a row that has passed since an activation last completed, or since the schedule changed. */
  readonly overdueSince: Date | null;
  /** Newest first. */
  readonly lastActivations: readonly RecordedActivation[];
  /** The replica that runs the one that is active. */
  readonly runningOn: string | null;
  /** Those that are alive, by name. */
  readonly replicas: readonly Replica[];
  /** Those whose heartbeat stopped within the last hour, and which have not said that they stop. */
  readonly lostReplicas: readonly Replica[];
  /** Who keeps pg-boss from giving lost activations to others. */
  readonly heldBy: QueueHolder | null;
}

export interface QueueStatusQuery {
  readonly job: string;
  /** How many activations to tell. */
  readonly activations: number;
}

const LOST_MS = 3_600_000;
const OVERDUE_SLOTS = 3;

export async function readQueueStatus(queue: QueueConnection, query: QueueStatusQuery): Promise<QueueStatus> {
  return await withQueueStatus(queue, async (read) => await read(query));
}

/** For as long as `action` takes, `read` answers through one and the same client of pg-boss. */
export async function withQueueStatus<T>(
  queue: QueueConnection,
  action: (read: (query: QueueStatusQuery) => Promise<QueueStatus>) => Promise<T>,
): Promise<T> {
  return await withClient(queue, async (boss) => await action((query) => readStatus(boss, queue.schema, query)));
}

async function readStatus(boss: PgBoss, schema: string, { job, activations }: QueueStatusQuery): Promise<QueueStatus> {
  const { rows } = await boss.getDb().executeSql(`select ${schema}.job_now() as "readOn"`);
  const { readOn } = rows[0] as { readOn: Date };
  const installed = await boss.getSchedule(job);
  const recent = await lastActivations(boss, { job, schema, limit: activations });
  const instances = await listInstances(boss);
  const alive = instances.filter(({ live }) => live);
  const startedOn = recent.find(({ state }) => state === 'active')?.startedOn;
  const names = alive.map(nameOf);
  const runningOn = startedOn ? await runningReplica(boss, { startedOn, replicas: names }) : null;
  const lost = instances.filter(
    ({ live, stoppedOn, heartbeatOn }) => !live && !stoppedOn && readOn.getTime() - heartbeatOn.getTime() <= LOST_MS,
  );
  const tell = (instance: Instance) => replicaOf(instance, nameOf(instance) === runningOn ? job : null);
  return {
    readOn,
    schedule: installed && { cron: installed.cron, timezone: installed.timezone },
    ...slotsOf(boss, installed, {
      readOn,
      completedOn: recent.find(({ state }) => state === 'completed')?.completedOn,
    }),
    lastActivations: recent,
    runningOn,
    replicas: alive.map(tell).toSorted(byName),
    lostReplicas: lost.map((instance) => replicaOf(instance, null)).toSorted(byName),
    heldBy: await queueHolder(boss, schema),
  };
}

function slotsOf(
  boss: PgBoss,
  installed: (JobSchedule & { readonly updatedOn: Date }) | null,
  { readOn, completedOn }: { readonly readOn: Date; readonly completedOn: Date | null | undefined },
): Pick<QueueStatus, 'nextRun' | 'periodSeconds' | 'scheduleError' | 'overdueSince'> {
  const unknown = { nextRun: null, periodSeconds: null, scheduleError: null, overdueSince: null };
  if (!installed) return unknown;
  const { cron, timezone: tz, updatedOn } = installed;
  const from = completedOn && completedOn > updatedOn ? completedOn : updatedOn;
  try {
    const [nextRun = null, afterThat] = boss.previewSchedule(cron, { tz, from: readOn, count: 2 });
    const due = boss.previewSchedule(cron, { tz, from, count: OVERDUE_SLOTS })[OVERDUE_SLOTS - 1];
    return {
      nextRun,
      periodSeconds: nextRun && afterThat ? (afterThat.getTime() - nextRun.getTime()) / 1000 : null,
      scheduleError: null,
      overdueSince: due && due <= readOn ? due : null,
    };
  } catch (error) {
    // SQL takes any text for a schedule.
    return { ...unknown, scheduleError: error instanceof Error ? error.message : String(error) };
  }
}

function replicaOf(instance: Instance, activeJob: string | null): Replica {
  const { host, pid, startedOn, heartbeatOn, version } = instance;
  return { name: nameOf(instance), host, pid, startedOn, lastSeen: heartbeatOn, version, activeJob };
}

function byName(a: Replica, b: Replica): number {
  return a.name.localeCompare(b.name) || a.startedOn.getTime() - b.startedOn.getTime();
}
