import { type MeterProvider, metrics as openTelemetry, trace, type TracerProvider } from '@opentelemetry/api';
import type { PgBoss } from 'pg-boss';
import type { Settings } from '../config/settings.ts';
import { migrationBlocked, workerRefused, workerStarted, workerStopped } from './events.ts';
import { JOBS } from '../jobs/jobs.ts';
import type { Logger } from '../logger.ts';
import type { MigratableDatabase } from '../store/database.ts';
import { inMigrationTurn } from '../store/migration-turn.ts';
import { activationMetrics } from './activation-metrics.ts';
import { openBoss, type QueueConnection, startUnmigrated } from './boss.ts';
import { checkIn } from './check-in.ts';
import { driftWatch } from './drift-watch.ts';
import { ensureSlotsAreRescued } from './queue.ts';
import { failedPollers, pollers } from './pollers.ts';
import { checkBeforeTie, checkTie, tie } from './queue-tie.ts';
import { watchQueues } from './queue-watch.ts';
import { startJob } from './start-job.ts';
import { TIMINGS, type Timings } from './timings.ts';
import { removeUnneededSchedules } from './unneeded-schedules.ts';

export interface WorkerDependencies {
  readonly queue: QueueConnection;
  readonly database: MigratableDatabase;
  readonly settings: Settings;
  readonly logger: Logger;
  /** Where measurements go. Default: the process's global provider of OpenTelemetry. */
  readonly meterProvider?: MeterProvider;
  /** Where spans go. Default: the process's global provider of OpenTelemetry. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Called once, with the reason, when the database has let this replica log in no more for a minute. It should end. */
  readonly onRefused?: (error: Error) => void;
  /** Default: those that are shipped. */
  readonly timings?: Timings;
}

export interface Worker {
  /**
   * For how long the queue that was polled longest ago has not been, or no queue was looked at, in milliseconds. A poll
   * that failed counts: it shows that the process works.
   */
  sincePolledMs(): number;
  /** Throws what the last look at the queues threw, the last heartbeat, or the last fetch of a poller. */
  checkWork(): void;
  /** Throws when a job has no schedule installed. */
  checkSchedules(): Promise<void>;
  /** Takes no new activation and waits for the one in flight, at most so long; then it is given up and undone. */
  stop(options: { readonly graceSeconds: number }): Promise<void>;
}

/** Starts one replica: installs queues and schedules, polls, and asks for one activation of each job at once. */
export async function startWorker(dependencies: WorkerDependencies): Promise<Worker> {
  const { queue, database, settings, logger, meterProvider, tracerProvider, onRefused = () => {} } = dependencies;
  const { timings = TIMINGS } = dependencies;
  const by = settings.instance.name;
  const boss = openBoss({
    ...queue,
    migrate: settings.queue.migrate,
    role: 'worker',
    meterProvider,
    tracerProvider,
    timings,
  });
  const metrics = activationMetrics((meterProvider ?? openTelemetry).getMeter('sealog'));
  const tracer = (tracerProvider ?? trace).getTracer('sealog');
  await using stack = new AsyncDisposableStack();
  // Before the start: one that fails half-way has timers and workers already, and they would keep the process alive.
  stack.defer(() => boss.stop({ graceful: false }));
  const stopping = new AbortController();
  stack.defer(() => stopping.abort());
  await startBoss(boss, dependencies);
  await ensureSlotsAreRescued(boss);
  const configured = JOBS.map((job) => ({ job: job.name, ...job.schedule(settings) }));
  // Before its schedules are there: a replica of another version removes those of jobs that no replica has.
  const afterwards = () => removeUnneededSchedules(queue, timings);
  const heartbeat = stack.use(await checkIn({ database, logger, replica: by, configured, timings, afterwards }));
  const running = { boss, queue, database, settings, logger, metrics, tracer, stopped: stopping.signal, timings };
  for (const job of JOBS) await startJob(running, job);
  const watch = await watchQueues({
    boss,
    queue,
    logger,
    timings,
    configured,
    onSchedules: driftWatch(logger, configured),
    onRefused(err) {
      workerRefused(logger, { by, err });
      onRefused(err);
    },
  });
  stack.use(watch);
  workerStarted(logger, { by, jobs: JOBS.map(({ name }) => name) });
  const started = stack.move();

  return {
    sincePolledMs() {
      const polled = pollers(boss).map((poller) =>
        Math.max(poller.lastFetchedOn ?? 0, poller.lastErrorOn ?? 0, poller.createdOn),
      );
      return Math.max(timings.clock.now() - Math.min(...polled), watch.sinceLookedMs());
    },
    checkWork() {
      const failure = watch.failure() ?? heartbeat.failure() ?? failedPollers(boss)[0]?.lastError;
      if (failure !== undefined) throw failure;
    },
    async checkSchedules() {
      for (const { name } of JOBS) {
        if (!(await boss.getSchedule(name))) throw new Error(`no schedule is installed for ${name}`);
      }
    },
    async stop({ graceSeconds }) {
      // What asks ends before what answers, but is not waited for: a look may hang as long as the database does.
      const asking = watch[Symbol.asyncDispose]();
      await boss.stop({ graceful: true, timeout: graceSeconds * 1000 });
      stopping.abort();
      await asking;
      await started.disposeAsync();
      workerStopped(logger, { by });
    },
  };
}

async function startBoss(boss: PgBoss, { queue, database, settings, logger }: WorkerDependencies): Promise<void> {
  if (!settings.queue.migrate) {
    await checkTie(queue);
    await startUnmigrated(boss, queue.schema);
    return;
  }
  const install = async () => {
    await checkBeforeTie(queue);
    await boss.start();
    await tie(queue);
  };
  await inMigrationTurn(database, install, { onBlocked: (blocker) => migrationBlocked(logger, blocker) });
}
