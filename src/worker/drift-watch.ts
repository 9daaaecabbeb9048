import type { PgBoss } from 'pg-boss';
import { queueError, scheduleAgrees, scheduleDrifts } from '../events.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { checkInReplica, checkOutReplica } from '../store/replica-schedules.ts';
import { describeSchedule, type JobSchedule } from './queue.ts';
import { repeat } from './repeat.ts';

/** How often a replica compares, in milliseconds: soon enough to be seen in a rolling deploy. */
const INTERVAL_MS = 20_000;

export interface DriftWatchOptions {
  readonly boss: PgBoss;
  readonly database: AuditLogDatabase;
  readonly logger: Logger;
  readonly replica: string;
  readonly job: string;
  readonly configured: JobSchedule;
}

/**
 * Compares the schedule that this replica was configured with to the one that is installed, now and from time to time:
 * says at warn when they begin to differ and at info when they agree again, and tells the fleet what this replica was
 * configured with, for `sealog status`.
 */
export async function watchDrift(options: DriftWatchOptions): Promise<AsyncDisposable> {
  const { database, logger, replica } = options;
  let drift: string | undefined;
  const watch = await repeat(async () => (drift = await compareOnce(options, drift)), {
    intervalMs: INTERVAL_MS,
    logger,
  });
  return {
    async [Symbol.asyncDispose]() {
      await watch[Symbol.asyncDispose]();
      await checkOutReplica(database, replica).catch((err: unknown) => queueError(logger, { err, omitted: 0 }));
    },
  };
}

async function compareOnce(options: DriftWatchOptions, drift: string | undefined): Promise<string | undefined> {
  const { boss, database, logger, replica, job, configured } = options;
  await checkInReplica(database, { name: replica, job, ...configured });
  const found = await boss.getSchedule(job);
  const installed = found ? describeSchedule(found) : 'none';
  const wanted = describeSchedule(configured);
  if (installed === wanted) {
    if (drift !== undefined) scheduleAgrees(logger, { job, schedule: wanted });
    return undefined;
  }
  if (drift !== installed) scheduleDrifts(logger, { job, configured: wanted, installed });
  return installed;
}
