import type { App } from '../../app.ts';
import type { Instant } from '../../audit-log/instant.ts';
import { auditTimeout, type AuditTimeoutOutcome } from '../../jobs/audit-timeout.ts';
import { countIncomplete } from '../../store/count-incomplete.ts';
import { readCutoff } from '../../store/read-cutoff.ts';
import { readRulesState, type RulesState } from '../../store/migrated-rules.ts';
import { type HorizonHolder, readHorizon } from '../../store/read-horizon.ts';
import { listReplicaSchedules } from '../../store/replica-schedules.ts';
import type { RecordedActivation } from '../../worker/activation-history.ts';
import type { JobSchedule } from '../../worker/queue.ts';
import type { QueueHolder } from '../../worker/queue-holder.ts';
import type { QueueStatus, QueueStatusQuery, Replica } from '../../worker/queue-status.ts';
import { TIMINGS } from '../../worker/timings.ts';
import { type Drain, drainOf } from './drain.ts';
import { type Problem, problemsOf } from './problems.ts';

/** pg-boss's account of an activation, and the outcome if it has completed. */
export type ToldActivation = Omit<RecordedActivation, 'outcome'> & Partial<Omit<AuditTimeoutOutcome, 'by' | 'trigger'>>;

/** What `sealog status --json` prints, in this order. docs/command-line.md describes it. */
export interface Status {
  readonly job: string;
  /** Null until a worker has installed it. */
  readonly schedule: string | null;
  readonly timezone: string | null;
  readonly nextRun: Date | null;
  /** The replicas that are configured with another schedule than the installed one, and with which. */
  readonly scheduleDrift: readonly ({ readonly name: string } & JobSchedule)[];
  /** The latest ten, newest first. `by` is known of one that runs, too. */
  readonly lastActivations: readonly ToldActivation[];
  /** Those that are alive. */
  readonly replicas: readonly Replica[];
  readonly incomplete: { readonly count: number; readonly oldestStarted: Instant | null };
  readonly stale: { readonly count: number };
  /** The completed past is final up to it. */
  readonly horizon: Instant;
  readonly horizonLagSeconds: number;
  /** The oldest of the transactions that keep the horizon back for more than a second. */
  readonly horizonHeldBy: HorizonHolder | null;

  /** By the database's clock. */
  readonly readOn: Date;
  readonly periodSeconds: number | null;
  /** Why the installed schedule cannot be read. */
  readonly scheduleError: string | null;
  /** The session that keeps lost activations from being taken over. */
  readonly queueHeldBy: QueueHolder | null;
  /** Since when no activation has completed for three periods. */
  readonly overdueSince: Date | null;
  /** Those whose heartbeat stopped within the last quarter of an hour, without a stop. */
  readonly lostReplicas: readonly Replica[];
  /** Stale entries that the last activation left because it had reached its limit. */
  readonly backlog: { readonly count: number };
  /** What it takes until no entry is stale any more. */
  readonly drain: Drain;
  /** Whether triggers, functions, constraints, keys and policies are as they were migrated. */
  readonly rules: RulesState;
  /** Whether nothing is wrong: `problems` is empty. */
  readonly whole: boolean;
  /** The most urgent first. */
  readonly problems: readonly Problem[];
}

/** Everything there is to know of the job, from the queue and from the audit log. */
export async function readStatus(
  { database, settings }: Pick<App, 'database' | 'settings'>,
  readQueue: (query: QueueStatusQuery) => Promise<QueueStatus>,
): Promise<Status> {
  const job = auditTimeout.name;
  const queue = await readQueue({ job, activations: 10 });
  const { schedule, nextRun, runningOn, replicas, lostReplicas, readOn, periodSeconds, overdueSince } = queue;
  const lastActivations = queue.lastActivations.map((activation) => tell(activation, runningOn));
  const cutoff = await readCutoff(database, settings.auditTimeout.timeoutSeconds);
  const { stale, ...incomplete } = await countIncomplete(database, cutoff);
  const completed = lastActivations.filter(isCompleted);
  const refused = completed[0]?.skipped.length ?? 0;
  const left = completed[0]?.limitReached ? (await countIncomplete(database, completed[0].cutoff)).stale - refused : 0;
  const { horizon, lagSeconds, heldBy } = await readHorizon(database);
  const configured = await listReplicaSchedules(database, { job, goneSeconds: TIMINGS.goneSeconds });
  const seen = {
    job,
    schedule: schedule?.cron ?? null,
    timezone: schedule?.timezone ?? null,
    nextRun,
    scheduleDrift: schedule
      ? configured.filter(({ cron, timezone }) => cron !== schedule.cron || timezone !== schedule.timezone)
      : [],
    lastActivations,
    replicas,
    incomplete,
    stale: { count: stale },
    horizon,
    horizonLagSeconds: lagSeconds,
    horizonHeldBy: heldBy,
    readOn,
    periodSeconds,
    scheduleError: queue.scheduleError,
    queueHeldBy: queue.heldBy,
    overdueSince,
    lostReplicas,
    backlog: { count: Math.max(0, left) },
    drain: drainOf(Math.max(0, stale - refused), completed, queue, settings.auditTimeout),
    rules: await readRulesState(database),
  };
  const { timeoutSeconds } = settings.auditTimeout;
  const problems = problemsOf({ ...seen, timeoutSeconds, lastSeen: queue.lastSeen });
  return { ...seen, whole: problems.length === 0, problems };
}

function tell({ outcome, ...told }: RecordedActivation, runningOn: string | null): ToldActivation {
  if (told.state === 'active' && runningOn !== null) return { ...told, by: runningOn };
  return { ...told, ...outcome };
}

/** Whether it has completed with an outcome that can be read: others may write into pg-boss's tables. */
function isCompleted(activation: ToldActivation): activation is ToldActivation & AuditTimeoutOutcome {
  const { state, cutoff, limit, limitReached, skipped, durationMs } = activation;
  return state === 'completed' && ![cutoff, limit, limitReached, skipped, durationMs].includes(undefined);
}
