import type { App } from '../app.ts';
import type { Instant } from '../audit-log/instant.ts';
import { auditTimeout, type AuditTimeoutOutcome } from '../jobs/audit-timeout.ts';
import { countIncomplete } from '../store/count-incomplete.ts';
import { readCutoff } from '../store/read-cutoff.ts';
import { type HorizonHolder, readHorizon } from '../store/read-horizon.ts';
import { listReplicaSchedules } from '../store/replica-schedules.ts';
import type { RecordedActivation } from '../worker/activation-history.ts';
import type { JobSchedule } from '../worker/queue.ts';
import { readQueueStatus, type Replica } from '../worker/queue-status.ts';

/** What `sealog status --json` prints. */
export interface Status {
  readonly job: string;
  /** Null until a worker has installed it. */
  readonly schedule: string | null;
  readonly timezone: string | null;
  readonly nextRun: Date | null;
  /** The replicas that are configured with another schedule than the installed one, and with which. */
  readonly scheduleDrift: readonly ({ readonly name: string } & JobSchedule)[];
  /** Newest first: pg-boss's account of each, and the outcome of those that have completed. */
  readonly lastActivations: readonly (Omit<RecordedActivation, 'outcome'> & Partial<AuditTimeoutOutcome>)[];
  readonly replicas: readonly Replica[];
  readonly incomplete: { readonly count: number; readonly oldestStarted: Instant | null };
  readonly stale: { readonly count: number };
  /** The completed past is final up to it. */
  readonly horizon: Instant;
  readonly horizonLagSeconds: number;
  /** The oldest of the transactions that keep the horizon back for more than a second. */
  readonly horizonHeldBy: HorizonHolder | null;
}

export async function readStatus({ database, queue, settings }: App): Promise<Status> {
  const job = auditTimeout;
  const queueStatus = await readQueueStatus(queue, { job: job.name, activations: 10 });
  const { schedule, nextRun, lastActivations, replicas } = queueStatus;
  const cutoff = await readCutoff(database, settings.auditTimeout.timeoutSeconds);
  const { stale, ...incomplete } = await countIncomplete(database, cutoff);
  const { horizon, lagSeconds, heldBy } = await readHorizon(database);
  const configured = await listReplicaSchedules(database, job.name);
  return {
    job: job.name,
    schedule: schedule?.cron ?? null,
    timezone: schedule?.timezone ?? null,
    nextRun,
    scheduleDrift: configured.filter(({ cron, timezone }) => cron !== schedule?.cron || timezone !== schedule.timezone),
    lastActivations: lastActivations.map(({ outcome, ...told }) => ({ ...told, ...outcome })),
    replicas,
    incomplete,
    stale: { count: stale },
    horizon,
    horizonLagSeconds: lagSeconds,
    horizonHeldBy: heldBy,
  };
}
