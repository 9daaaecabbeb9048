import type { Tracer } from '@opentelemetry/api';
import { fromKysely, type JobWithMetadata, type PgBoss } from 'pg-boss';
import type { Settings } from '../config/settings.ts';
import { activationFailed } from '../events.ts';
import type { Job, Outcome, Trigger } from '../jobs/job.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { inTransaction } from '../store/transaction.ts';
import type { ActivationMetrics } from './activation-metrics.ts';
import { inActivationSpan } from './activation-span.ts';

export interface ActivationDependencies {
  readonly boss: PgBoss;
  readonly database: AuditLogDatabase;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly metrics: ActivationMetrics;
  readonly tracer: Tracer;
}

const TRIGGERS: readonly Trigger[] = ['schedule', 'startup', 'manual', 'backlog'];

/**
 * Runs one activation: its effect, the completion of its pg-boss job, and the wake-up for a backlog are one
 * transaction, which commits only while this attempt holds the job. A replica that is killed, paused past its
 * heartbeat or cut off therefore has no effect at all, and the one that takes over has it once.
 *
 * pg-boss can open this transaction itself, but then neither a failed commit nor a lost claim comes back here, and
 * the log line of the activation would be written before it is known to be true.
 */
export async function runActivation(
  { boss, database, settings, logger, metrics, tracer }: ActivationDependencies,
  job: Job,
  attempt: JobWithMetadata<unknown>,
): Promise<Outcome> {
  const by = settings.instance.name;
  const trigger = triggerOf(attempt.data);
  let outcome: Outcome;
  try {
    outcome = await inActivationSpan(tracer, { job: job.name, by, trigger }, () =>
      inTransaction(database, async (transaction) => {
        const done = await job.activate({ database: transaction, settings, by, trigger });
        const db = fromKysely(transaction.db.withoutPlugins());
        const settled = (await boss.complete(job.name, attempt, done, { db })) as { affected: number };
        if (settled.affected !== 1) throw new Error(`job ${attempt.id} is no longer held by this replica`);
        // The queue admits one waiting activation: if there is one already, it will do.
        if (done.limitReached && job.drainBacklog(settings)) await boss.send(job.name, { trigger: 'backlog' }, { db });
        return done;
      }),
    );
  } catch (err) {
    metrics.failed(job.name);
    activationFailed(logger, { job: job.name, by, trigger, err });
    // pg-boss keeps what is thrown, and not who ran it.
    throw err instanceof Error ? Object.assign(err, { by }) : err;
  }
  metrics.completed(job.name, outcome);
  job.logOutcome(logger, outcome);
  return outcome;
}

function triggerOf(data: unknown): Trigger {
  const { trigger } = (data ?? {}) as { trigger?: Trigger };
  // Others may queue the job too, by pg-boss or by SQL.
  return TRIGGERS.find((known) => known === trigger) ?? 'manual';
}
