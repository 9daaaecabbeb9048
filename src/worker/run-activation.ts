import type { Tracer } from '@opentelemetry/api';
import { fromKysely, type JobWithMetadata, type PgBoss } from 'pg-boss';
import type { Settings } from '../config/settings.ts';
import { activationFailed, activationUncertain } from './events.ts';
import type { Job, Outcome, Trigger } from '../jobs/job.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { CommitUncertainError, inTransaction } from '../store/transaction.ts';
import type { ActivationMetrics } from './activation-metrics.ts';
import { inActivationSpan } from './activation-span.ts';
import { hasCommitted } from './commit-outcome.ts';
import type { QueueConnection } from './boss.ts';
import { checkTie, tiedSql } from './queue-tie.ts';
import type { Timings } from './timings.ts';

export interface ActivationDependencies {
  readonly boss: PgBoss;
  readonly queue: QueueConnection;
  readonly database: AuditLogDatabase;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly metrics: ActivationMetrics;
  readonly tracer: Tracer;
  /** Aborted when the replica has stopped. */
  readonly stopped: AbortSignal;
  readonly timings: Timings;
}

const TRIGGERS: readonly Trigger[] = ['schedule', 'startup', 'manual', 'backlog'];

/**
 * Runs one activation: its effect, the completion of its pg-boss job, and the wake-up for a backlog are one
 * transaction, which commits only while this attempt holds the job. A replica that is killed, paused past its
 * heartbeat or cut off therefore has no effect at all, and the one that takes over has it once. Nor has one whose queue has
 * become another audit log's.
 *
 * pg-boss can open this transaction itself, but then neither a failed commit nor a lost claim comes back here, and
 * the log line of the activation would be written before it is known to be true.
 */
export async function runActivation(
  dependencies: ActivationDependencies,
  job: Job,
  attempt: JobWithMetadata<unknown>,
): Promise<Outcome> {
  const { settings, logger, metrics, tracer } = dependencies;
  const by = settings.instance.name;
  const trigger = triggerOf(attempt.data);
  let outcome: Outcome;
  try {
    outcome = await inActivationSpan(tracer, { job: job.name, by, trigger }, async () => {
      try {
        return await activate(dependencies, job, attempt);
      } catch (err) {
        if (!(err instanceof CommitUncertainError)) throw err;
        activationUncertain(logger, { job: job.name, by, trigger, id: attempt.id, err });
        return await settle(dependencies, attempt, err as CommitUncertainError<Outcome>);
      }
    });
  } catch (err) {
    if (err instanceof CommitUncertainError) metrics.uncertain(job.name);
    else {
      metrics.failed(job.name);
      activationFailed(logger, { job: job.name, by, trigger, err });
    }
    // pg-boss keeps what is thrown, and not who ran it.
    throw err instanceof Error ? Object.assign(err, { by }) : err;
  }
  metrics.completed(job.name, outcome);
  job.logOutcome(logger, outcome);
  return outcome;
}

async function activate(
  { boss, queue, database, settings, timings }: ActivationDependencies,
  job: Job,
  attempt: JobWithMetadata<unknown>,
): Promise<Outcome> {
  const by = settings.instance.name;
  const trigger = triggerOf(attempt.data);
  return await inTransaction(database, timings.transaction, async (transaction) => {
    const db = fromKysely(transaction.db.withoutPlugins());
    const { rows } = await db.executeSql(`select ${tiedSql(queue)} as tied`, []);
    if (!(rows as { tied: boolean }[])[0]!.tied) await checkTie(queue);
    const done = await job.activate({ database: transaction, settings, by, trigger, halvings: halvingsOf(attempt) });
    const settled = (await boss.complete(job.name, attempt, done, { db })) as { affected: number };
    if (settled.affected !== 1) throw new Error(`job ${attempt.id} is no longer held by this replica`);
    // The queue admits one waiting activation: if there is one already, it will do.
    if (done.limitReached && job.drainBacklog(settings)) await boss.send(job.name, { trigger: 'backlog' }, { db });
    return done;
  });
}

/** The outcome, when it turns out that it was committed. Throws why it was not, or that this is not known. */
async function settle(
  { boss, settings, stopped, timings }: ActivationDependencies,
  attempt: JobWithMetadata<unknown>,
  uncertain: CommitUncertainError<Outcome>,
): Promise<Outcome> {
  const committed = await hasCommitted({ boss, schema: settings.queue.schema, attempt, stopped, timings });
  if (committed) return uncertain.value;
  throw committed === false ? uncertain.cause : uncertain;
}

/** By what pg-boss keeps of the attempt before: the database's or the client's limit of a statement, or its own of a job. */
function halvingsOf({ output, retryCount }: JobWithMetadata<unknown>): number {
  const { code, message, value } = (output ?? {}) as {
    code?: unknown;
    message?: unknown;
    value?: { message?: unknown };
  };
  const ranOutOfTime =
    code === '57014' || code === '25P04' || message === 'Query read timeout' || value?.message === 'job timed out';
  return ranOutOfTime ? retryCount : 0;
}

function triggerOf(data: unknown): Trigger {
  const { trigger } = (data ?? {}) as { trigger?: Trigger };
  // Others may queue the job too, by pg-boss or by SQL.
  return TRIGGERS.find((known) => known === trigger) ?? 'manual';
}
