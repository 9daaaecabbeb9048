import { type MeterProvider, metrics as openTelemetry, trace, type TracerProvider } from '@opentelemetry/api';
import type { Settings } from '../config/settings.ts';
import { workerStarted, workerStopped } from '../events.ts';
import { JOBS } from '../jobs/jobs.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { inMigrationTurn } from '../store/migration-turn.ts';
import { activationMetrics } from './activation-metrics.ts';
import { monotonicClock, openBoss, type QueueConnection, startUnmigrated } from './boss.ts';
import { checkIn } from './check-in.ts';
import { driftWatch } from './drift-watch.ts';
import { ensureSlotsAreRescued } from './queue.ts';
import { watchQueues } from './queue-watch.ts';
import { startJob } from './start-job.ts';

export interface WorkerDependencies {
  readonly queue: QueueConnection;
  readonly database: AuditLogDatabase;
  readonly settings: Settings;
  readonly logger: Logger;
  /** Where measurements go. Default: the process's global provider of OpenTelemetry. */
  readonly meterProvider?: MeterProvider;
  /** Where spans go. Default: the process's global provider of OpenTelemetry. */
  readonly tracerProvider?: TracerProvider | undefined;
}

export interface Worker {
  /**
   * For how long the queue that was polled longest ago has not been, or no queue was looked at, in milliseconds. A poll
   * that failed counts: it shows that the process works.
   */
  sincePolledMs(): number;
  /** Throws when a job has no schedule installed. */
  checkSchedules(): Promise<void>;
  /** Takes no new activation and waits for the one in flight, at most so long; then it is given up and undone. */
  stop(options: { readonly graceSeconds: number }): Promise<void>;
}

/** Starts one replica: installs queues and schedules, polls, and asks for one activation of each job at once. */
export async function startWorker(dependencies: WorkerDependencies): Promise<Worker> {
  const { queue, database, settings, logger, meterProvider, tracerProvider } = dependencies;
  const by = settings.instance.name;
  const boss = openBoss({ ...queue, migrate: settings.queue.migrate, role: 'worker', meterProvider, tracerProvider });
  const metrics = activationMetrics((meterProvider ?? openTelemetry).getMeter('sealog'));
  const tracer = (tracerProvider ?? trace).getTracer('sealog');
  await using stack = new AsyncDisposableStack();
  // Before the start: one that fails half-way has timers and workers already, and they would keep the process alive.
  stack.defer(() => boss.stop({ graceful: false }));
  if (settings.queue.migrate) await inMigrationTurn(database, () => boss.start());
  else await startUnmigrated(boss, queue.schema);
  await ensureSlotsAreRescued(boss);
  for (const job of JOBS) await startJob({ boss, database, settings, logger, metrics, tracer }, job);
  const configured = JOBS.map((job) => ({ job: job.name, ...job.schedule(settings) }));
  stack.use(await checkIn({ database, logger, replica: by, configured }));
  const watch = await watchQueues({ boss, schema: queue.schema, logger, onSchedules: driftWatch(logger, configured) });
  stack.use(watch);
  workerStarted(logger, { by, jobs: JOBS.map(({ name }) => name) });
  const started = stack.move();

  return {
    sincePolledMs() {
      const polled = boss
        .getWipData({ includeInternal: true })
        .map((poller) => Math.max(poller.lastFetchedOn ?? 0, poller.lastErrorOn ?? 0, poller.createdOn));
      return Math.max(monotonicClock.now() - Math.min(...polled), watch.sinceLookedMs());
    },
    async checkSchedules() {
      for (const { name } of JOBS) {
        if (!(await boss.getSchedule(name))) throw new Error(`no schedule is installed for ${name}`);
      }
    },
    async stop({ graceSeconds }) {
      await boss.stop({ graceful: true, timeout: graceSeconds * 1000 });
      await started.disposeAsync();
      workerStopped(logger, { by });
    },
  };
}
