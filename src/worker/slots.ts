import { CronExpressionParser } from 'cron-parser';
import type { JobSchedule } from './queue.ts';

/**
 * The time between two slots, in seconds: the longest among the last three periods and the one that runs at `now`. A
 * schedule that rests over night or over the weekend has long periods then, and for its first slots afterwards.
 * Undefined for a schedule that is no cron expression: pg-boss takes other rules too, and SQL takes anything.
 */
export function periodSeconds({ cron, timezone }: JobSchedule, now: Date): number | undefined {
  return readable(() => {
    const occurrences = CronExpressionParser.parse(cron, { tz: timezone, currentDate: now });
    let later = occurrences.next().getTime();
    let longest = 0;
    for (let period = 0; period < 4; period++) {
      const earlier = occurrences.prev().getTime();
      longest = Math.max(longest, later - earlier);
      later = earlier;
    }
    return longest / 1000;
  });
}

/** The last slot before `now`. Undefined as above. */
export function previousSlot({ cron, timezone }: JobSchedule, now: Date): Date | undefined {
  return readable(() => CronExpressionParser.parse(cron, { tz: timezone, currentDate: now }).prev().toDate());
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
