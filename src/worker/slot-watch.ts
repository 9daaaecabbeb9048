import { performance } from 'node:perf_hooks';
import type { PgBoss } from 'pg-boss';
import type { ScheduledJob } from './drift-watch.ts';
import { previousSlot } from './slots.ts';

/** A schedule as a look at the queues finds it. Instants are seconds since 1970, by the database's clock. */
export type WatchedSchedule = ScheduledJob & {
  /** Last installed or changed. */
  readonly updated: number;
  /** When the newest activation of the job was asked for. Null when pg-boss keeps none. */
  readonly asked: number | null;
};

/** Longer than pg-boss takes to forward a slot, and to make up for those that nobody saw, after a take-over too. */
const PATIENCE_MS = 40_000;

/**
 * Asks for an activation where a slot has passed and nobody has asked for one since. pg-boss forwards slots, and after a
 * gap the last one that was missed; but it does not see a gap over which its own claim of a pass was answered late, by a
 * database that was frozen, or over which the clock of the database stepped.
 */
export function slotWatch(boss: PgBoss): (now: number, schedules: readonly WatchedSchedule[]) => Promise<void> {
  const missingSince = new Map<string, number>();
  return async (now, schedules) => {
    for (const { job, updated, asked, ...schedule } of schedules) {
      const slot = previousSlot(schedule, new Date(now * 1000))?.getTime();
      if (slot === undefined || slot / 1000 <= Math.max(updated, asked ?? 0)) {
        missingSince.delete(job);
        continue;
      }
      const since = missingSince.get(job) ?? performance.now();
      missingSince.set(job, since);
      // Others find the same, and the queue admits one that waits.
      if (performance.now() - since >= PATIENCE_MS) await boss.send(job, { trigger: 'schedule' });
    }
  };
}
