import { CronExpressionParser } from 'cron-parser';
import type { JobSchedule } from './queue.ts';

/**
 * The time between two slots, in seconds: the longest among the last three periods and the one that runs now. A
 * schedule that rests over night or over the weekend has long periods then, and for its first slots afterwards.
 */
export function periodSeconds({ cron, timezone }: JobSchedule, now: Date = new Date()): number {
  const occurrences = CronExpressionParser.parse(cron, { tz: timezone, currentDate: now });
  let later = occurrences.next().getTime();
  let longest = 0;
  for (let period = 0; period < 4; period++) {
    const earlier = occurrences.prev().getTime();
    longest = Math.max(longest, later - earlier);
    later = earlier;
  }
  return longest / 1000;
}

/** The last slot before `now`. */
export function previousSlot({ cron, timezone }: JobSchedule, now: Date): Date {
  return CronExpressionParser.parse(cron, { tz: timezone, currentDate: now }).prev().toDate();
}
