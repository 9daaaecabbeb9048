import { performance } from 'node:perf_hooks';
import type { PgBoss } from 'pg-boss';
import { scheduleUnreadable, slotUnserved } from './events.ts';
import type { Logger } from '../logger.ts';
import type { ScheduledJob } from './drift-watch.ts';
import { describeSchedule } from './queue.ts';
import { previousSlot } from './slots.ts';
import { TIMINGS, type Timings } from './timings.ts';

/** A schedule as a look at the queues finds it. Instants are seconds since 1970, by the database's clock. */
export type WatchedSchedule = ScheduledJob & {
  /** Last installed or changed. */
  readonly updated: number;
  /** When the newest activation of the job was asked for. Null when pg-boss keeps none. */
  readonly asked: number | null;
  /**
   * Up to when slots are served: now while an activation waits or runs, else by the last start of one that completed.
   * Null when none has, of those that pg-boss keeps.
   */
  readonly served: number | null;
};

/**
 * Asks for an activation where a slot has passed and none has served it: nobody asked for one, or the one that was asked
 * for has failed for good. pg-boss forwards slots, and after a gap the last one that was missed; but it does not see a
 * gap over which its own claim of a pass was answered late, by a database that was frozen, or over which the clock of the
 * database stepped.
 */
export function slotWatch(
  boss: PgBoss,
  logger: Logger,
  { slotPatienceMs, failedSlotPatienceMs }: Pick<Timings, 'slotPatienceMs' | 'failedSlotPatienceMs'> = TIMINGS,
): (now: number, schedules: readonly WatchedSchedule[]) => Promise<void> {
  const unservedSince = new Map<string, { readonly hasFailed: boolean; readonly since: number }>();
  const unreadable = new Map<string, string>();
  const slotOf = ({ job, ...schedule }: ScheduledJob, now: number): Date | undefined => {
    const slot = previousSlot(schedule, new Date(now * 1000));
    const text = describeSchedule(schedule);
    if (slot) unreadable.delete(job);
    else if (unreadable.get(job) !== text) {
      unreadable.set(job, text);
      scheduleUnreadable(logger, { job, installed: text });
    }
    return slot;
  };
  return async (now, schedules) => {
    for (const { updated, asked, served, ...schedule } of schedules) {
      const { job } = schedule;
      const slot = slotOf(schedule, now);
      const time = slot && slot.getTime() / 1000;
      if (time === undefined || time <= Math.max(updated, served ?? 0)) {
        unservedSince.delete(job);
        continue;
      }
      const hasFailed = asked !== null && asked >= time;
      // Each waits from when it was first found: a slot that was just missed is no older because the one before it failed.
      const found = unservedSince.get(job);
      const since = found?.hasFailed === hasFailed ? found.since : performance.now();
      unservedSince.set(job, { hasFailed, since });
      if (performance.now() - since < (hasFailed ? failedSlotPatienceMs : slotPatienceMs)) continue;
      // Others find the same, and the queue admits one that waits: one of them says so.
      const id = await boss.send(job, { trigger: 'schedule' });
      if (id !== null)
        slotUnserved(logger, { job, slot: slot!.toISOString(), reason: hasFailed ? 'failed' : 'missed' });
    }
  };
}
