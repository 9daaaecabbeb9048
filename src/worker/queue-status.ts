import type { PgBoss } from 'pg-boss';
import { lastActivations, type RecordedActivation } from './activation-history.ts';
import { type QueueConnection, withClient } from './boss.ts';
import type { JobSchedule } from './queue.ts';

/** One live worker process, from pg-boss's instance table. */
export interface Replica {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly startedOn: Date;
  readonly lastSeen: Date;
  /** Of pg-boss. */
  readonly version: string;
}

/** What pg-boss knows of one job. */
export interface QueueStatus {
  /** Null when no worker has installed it yet. */
  readonly schedule: JobSchedule | null;
  readonly nextRun: Date | null;
  /** Newest first. */
  readonly lastActivations: readonly RecordedActivation[];
  readonly replicas: readonly Replica[];
}

export async function readQueueStatus(
  queue: QueueConnection,
  { job, activations }: { readonly job: string; readonly activations: number },
): Promise<QueueStatus> {
  return await withClient(queue, async (boss) => {
    const installed = await boss.getSchedule(job);
    const schedule = installed && { cron: installed.cron, timezone: installed.timezone };
    return {
      schedule,
      nextRun: schedule && (boss.previewSchedule(schedule.cron, { tz: schedule.timezone, count: 1 })[0] ?? null),
      lastActivations: await lastActivations(boss, { job, schema: queue.schema, limit: activations }),
      replicas: await liveReplicas(boss),
    };
  });
}

async function liveReplicas(boss: PgBoss): Promise<Replica[]> {
  const instances = await boss.getInstances();
  return instances
    .filter(({ live }) => live)
    .map(({ name, host, pid, startedOn, heartbeatOn, version }) => {
      return { name: name ?? `${host}:${pid}`, host, pid, startedOn, lastSeen: heartbeatOn, version };
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}
