import { type MeterProvider, metrics as openTelemetry, trace, type TracerProvider } from '@opentelemetry/api';
import type { Settings } from '../config/settings.ts';
import { workerStarted, workerStopped } from '../events.ts';
import { JOBS } from '../jobs/jobs.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { inMigrationTurn } from '../store/migration-turn.ts';
import { seal } from '../store/seal.ts';
import { activationMetrics } from './activation-metrics.ts';
import { monotonicClock, openBoss, type QueueConnection, startUnmigrated } from './boss.ts';
import { repeat } from './repeat.ts';
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
   * For how long the queue that was polled longest ago has not been, in milliseconds. A poll that failed counts: it
   * shows that the process works.
   */
  sincePolledMs(): number;
  /** Throws when a job has no schedule installed. */
  checkSchedules(): Promise<void>;
  /** Takes no new activation and waits for the one in flight, at most so long; then it is given up and undone. */
  stop(options: { readonly graceSeconds: number }): Promise<void>;
}

/**
 * Readers on the primary seal for themselves; those on a standby, or in read-only sessions, see only as far as somebody
 * else has sealed.
 */
const SEAL_MS = 10_000;

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
  stack.use(await repeat(() => seal(database, undefined), { intervalMs: SEAL_MS, logger }));
  for (const job of JOBS) stack.use(await startJob({ boss, database, settings, logger, metrics, tracer }, job));
  workerStarted(logger, { by, jobs: JOBS.map(({ name }) => name) });
  const started = stack.move();

  return {
    sincePolledMs() {
      const polled = boss
        .getWipData()
        .map((poller) => Math.max(poller.lastFetchedOn ?? 0, poller.lastErrorOn ?? 0, poller.createdOn));
      return monotonicClock.now() - Math.min(...polled);
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
