import type { PgBoss } from 'pg-boss';
import { lastActivations, type RecordedActivation } from './activation-history.ts';
import { type QueueConnection, withClient } from './boss.ts';
import { type Instance, listInstances } from './instances.ts';
import { dateOf, milliseconds } from './instants.ts';
import { type QueueHolder, queueHolder } from './queue-holder.ts';
import type { JobSchedule } from './queue.ts';
import { runningReplica } from './running-replica.ts';
import { nextSlots, periodSeconds, unreadable } from './slots.ts';
import { TIMINGS } from './timings.ts';

/** One worker process, from pg-boss's instance table. */
export interface Replica extends Omit<Instance, 'isAlive' | 'isLost'> {
  /** The job of which it runs an activation now. */
  readonly activeJob: string | null;
}

/** What pg-boss knows of one job. Instants are by the database's clock. */
export interface QueueStatus {
  readonly readOn: Date;
  /** Null when no worker has installed it yet. */
  readonly schedule: JobSchedule | null;
  readonly nextRun: Date | null;
  /** The longest time between two slots lately: see `periodSeconds` in `slots.ts`. */
  readonly periodSeconds: number | null;
  /** Why the installed schedule cannot be read. Null when it can be read, or when no schedule is installed. */
  readonly scheduleError: string | null;
  /** The third slot in a row that has passed since an activation last completed, or since the schedule changed. */
  readonly overdueSince: Date | null;
  /** Newest first. */
  readonly lastActivations: readonly RecordedActivation[];
  /** The replica that runs the one that is active. */
  readonly runningOn: string | null;
  /** Those that are alive, by name. */
  readonly replicas: readonly Replica[];
  /** Those whose heartbeat stopped within the last quarter of an hour, and which have not reported that they stop. */
  readonly lostReplicas: readonly Replica[];
  /** Who keeps pg-boss from giving lost activations to others. */
  readonly heldBy: QueueHolder | null;
  /** The one that was heard of last, of those that have not reported that they stop. */
  readonly lastSeen: Replica | null;
}

export interface QueueStatusQuery {
  readonly job: string;
  /** How many activations to read. */
  readonly activations: number;
}

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
  const { readOn, installed } = await readSchedule(boss, schema, job);
  const recent = await lastActivations(boss, { job, schema, limit: activations });
  const instances = await listInstances(boss, schema);
  const alive = instances.filter(({ isAlive }) => isAlive);
  const startedOn = recent.find(({ state }) => state === 'active')?.startedOn;
  const names = alive.map(({ name }) => name);
  const runningOn = startedOn ? await runningReplica(boss, { startedOn, replicas: names }) : null;
  const [lastSeen] = instances;
  return {
    readOn,
    schedule: installed && { cron: installed.cron, timezone: installed.timezone },
    ...slotsOf(installed, {
      readOn,
      completedOn: recent.find(({ state }) => state === 'completed')?.completedOn,
    }),
    lastActivations: recent,
    runningOn,
    heldBy: await queueHolder(boss, schema),
    replicas: alive.map((instance) => replicaOf(instance, instance.name === runningOn ? job : null)).toSorted(byName),
    lostReplicas: instances
      .filter(({ isLost }) => isLost)
      .map((instance) => replicaOf(instance, null))
      .toSorted(byName),
    lastSeen: lastSeen ? replicaOf(lastSeen, null) : null,
  };
}

type Installed = JobSchedule & { readonly updatedOn: Date };

async function readSchedule(
  boss: PgBoss,
  schema: string,
  job: string,
): Promise<{ readonly readOn: Date; readonly installed: Installed | null }> {
  const { rows } = await boss.getDb().executeSql(
    `select ${milliseconds('now')} as now, cron, timezone, ${milliseconds('updated_on')} as updated
       from ${schema}.job_now() as now left join ${schema}.schedule on name = $1 and key = ''`,
    [job],
  );
  const [{ now, cron, timezone, updated }] = rows as [
    { now: string; cron: string | null; timezone: string; updated: string | null },
  ];
  const readOn = dateOf(now)!;
  return { readOn, installed: cron === null ? null : { cron, timezone, updatedOn: dateOf(updated) ?? readOn } };
}

function slotsOf(
  installed: Installed | null,
  { readOn, completedOn }: { readonly readOn: Date; readonly completedOn: Date | null | undefined },
): Pick<QueueStatus, 'nextRun' | 'periodSeconds' | 'scheduleError' | 'overdueSince'> {
  if (!installed) return { nextRun: null, periodSeconds: null, scheduleError: null, overdueSince: null };
  const { updatedOn } = installed;
  const from = completedOn && completedOn > updatedOn ? completedOn : updatedOn;
  const due = nextSlots(installed, from, TIMINGS.overdueSlots)?.[TIMINGS.overdueSlots - 1];
  return {
    nextRun: nextSlots(installed, readOn, 1)?.[0] ?? null,
    periodSeconds: periodSeconds(installed, readOn) ?? null,
    scheduleError: unreadable(installed) ?? null,
    overdueSince: due && due <= readOn ? due : null,
  };
}

// Named one by one, because `status --json` prints them in this order.
function replicaOf({ name, host, pid, startedOn, lastSeen, version }: Instance, activeJob: string | null): Replica {
  return { name, host, pid, startedOn, lastSeen, version, activeJob };
}

function byName(a: Replica, b: Replica): number {
  return a.name.localeCompare(b.name) || a.startedOn.getTime() - b.startedOn.getTime();
}
