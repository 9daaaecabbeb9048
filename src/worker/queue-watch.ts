import { performance } from 'node:perf_hooks';
import type { PgBoss } from 'pg-boss';
import type { Logger } from '../logger.ts';
import type { QueueConnection } from './boss.ts';
import type { ScheduledJob } from './drift-watch.ts';
import { look, type Look } from './look.ts';
import { failedPollers, pollers } from './pollers.ts';
import { checkTie } from './queue-tie.ts';
import { ensureQueue, ensureSchedule, ensureSlotsAreRescued, SLOTS } from './queue.ts';
import { refusalWatch } from './refusal-watch.ts';
import { repeat, type Repeating } from './repeat.ts';
import { slotWatch } from './slot-watch.ts';
import { takeBack } from './take-back.ts';
import type { Timings } from './timings.ts';

export interface QueueWatchOptions {
  readonly boss: PgBoss;
  readonly queue: QueueConnection;
  readonly logger: Logger;
  readonly timings: Timings;
  /** As this replica is configured. */
  readonly configured: readonly ScheduledJob[];
  /** Called with the schedules that are installed, at each look. */
  readonly onSchedules: (installed: readonly ScheduledJob[]) => void;
  /** Called once, when the database has let nobody log in for a minute. */
  readonly onRefused: (error: Error) => void;
}

export interface QueueWatch extends Repeating {
  /** How long ago a look has ended, also one that failed, in milliseconds. */
  sinceLookedMs(): number;
}

/**
 * Looks at the queues, now and every five seconds, with one statement for what pg-boss would find out with many: polls
 * where something waits, and supervises where an activation has lost its replica or its time. pg-boss's own polls and
 * supervision are set to be rare (`boss.ts`), and would do in the end what this does soon. What others have done to
 * queues and schedules is undone, but for a schedule that is another one: that may be a newer replica's.
 */
export async function watchQueues(options: QueueWatchOptions): Promise<QueueWatch> {
  const { boss, queue, logger, timings, configured, onSchedules, onRefused } = options;
  const { schema } = queue;
  const askForUnserved = slotWatch(boss, logger, timings);
  const noticeRefusals = refusalWatch(onRefused, timings);
  const queues = [...configured.map(({ job }) => job), SLOTS];
  let intervalMs = timings.pollMs;
  let looked = performance.now();
  const supervise = async ({ ahead, lost }: Look): Promise<void> => {
    if (ahead) await takeBack(boss, schema, queues);
    for (const name of lost) await boss.supervise(name);
  };
  const restore = async ({ changed, schedules }: Look): Promise<void> => {
    if (changed.includes(SLOTS)) await ensureSlotsAreRescued(boss);
    for (const { job, ...schedule } of configured) {
      if (changed.includes(job)) await ensureQueue(boss, job, { schema, logger, schedule });
      const isMissing = !schedules.some((installed) => installed.job === job);
      // A queue that is made anew has lost its schedule, too.
      if (changed.includes(job) || isMissing) await ensureMissingSchedule(boss, { job, ...schedule }, logger);
    }
  };
  const lookOnce = async (): Promise<void> => {
    intervalMs = timings.pollMs;
    const seen = await noticeRefusals(look(boss, queue, queues)).finally(() => {
      looked = performance.now();
    });
    // Somebody has made it another log's while this replica ran: it has nothing to do here any more.
    if (!seen.tied) await checkTie(queue);
    for (const { id, name } of pollers(boss)) if (seen.waiting.includes(name)) boss.notifyWorker(id);
    // So that it is known soon whether they fail still.
    for (const { id } of failedPollers(boss)) boss.notifyWorker(id);
    if (seen.waiting.includes(SLOTS)) intervalMs = timings.pollSoonMs;
    // The most urgent first, and none of them keeps the others from being done.
    await each([
      () => supervise(seen),
      async () => onSchedules(seen.schedules),
      () => restore(seen),
      () => askForUnserved(seen.now, seen.schedules),
    ]);
  };
  const looking = await repeat(lookOnce, { intervalMs: () => intervalMs, logger, timings });
  return { ...looking, sinceLookedMs: () => performance.now() - looked };
}

async function ensureMissingSchedule(boss: PgBoss, { job, ...schedule }: ScheduledJob, logger: Logger): Promise<void> {
  if ((await boss.getSchedule(job)) === null) await ensureSchedule(boss, job, schedule, logger);
}

/** Runs all of them, one after the other, and then throws what the first of them threw that failed. */
async function each(actions: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const action of actions) await action().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}
