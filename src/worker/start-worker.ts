import type { PgBoss } from 'pg-boss';
import type { Settings } from '../config/settings.ts';
import { workerStarted, workerStopped } from '../events.ts';
import type { Job } from '../jobs/job.ts';
import { JOBS } from '../jobs/jobs.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { inMigrationTurn } from '../store/migration-turn.ts';
import { openBoss, type QueueConnection } from './boss.ts';
import { watchDrift } from './drift-watch.ts';
import { ensureQueue, ensureSchedule } from './queue.ts';
import { runActivation } from './run-activation.ts';

export interface WorkerDependencies {
  readonly queue: QueueConnection;
  readonly database: AuditLogDatabase;
  readonly settings: Settings;
  readonly logger: Logger;
}

export interface Worker {
  /** Takes no new activation and waits for the one in flight, at most so long; then it is given up and undone. */
  stop(options: { readonly graceSeconds: number }): Promise<void>;
}

/** Starts one replica: installs queues and schedules, polls, and asks for one activation of each job at once. */
export async function startWorker({ queue, database, settings, logger }: WorkerDependencies): Promise<Worker> {
  const by = settings.instance.name;
  const boss = openBoss({ ...queue, migrate: settings.queue.migrate, role: 'worker' });
  await inMigrationTurn(database, () => boss.start());
  await using stack = new AsyncDisposableStack();
  stack.defer(() => boss.stop({ graceful: false }));
  for (const job of JOBS) stack.use(await startJob({ boss, database, settings, logger }, job));
  workerStarted(logger, { by, jobs: JOBS.map(({ name }) => name) });
  const started = stack.move();

  return {
    async stop({ graceSeconds }) {
      await boss.stop({ graceful: true, timeout: graceSeconds * 1000 });
      await started.disposeAsync();
      workerStopped(logger, { by });
    },
  };
}

async function startJob(
  dependencies: { boss: PgBoss; database: AuditLogDatabase; settings: Settings; logger: Logger },
  job: Job,
): Promise<AsyncDisposable> {
  const { boss, database, settings, logger } = dependencies;
  const configured = job.schedule(settings);
  await ensureQueue(boss, job.name);
  await ensureSchedule(boss, job.name, configured, logger);
  const poller: string = await boss.work(
    job.name,
    { includeMetadata: true, pollingIntervalSeconds: 2 },
    async ([attempt]) => {
      const outcome = await runActivation(dependencies, job, attempt!);
      // The next one of a backlog is there already: fetch it without waiting for the poll.
      if (outcome.limitReached) boss.notifyWorker(poller);
      return outcome;
    },
  );
  // Covers a total outage that hid its slots. While one waits already, this asks for nothing more.
  await boss.send(job.name, { trigger: 'startup' });
  return await watchDrift({ boss, database, logger, replica: settings.instance.name, job: job.name, configured });
}
