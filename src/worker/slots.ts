import { CronExpressionParser } from 'cron-parser';
import type { JobSchedule } from './queue.ts';

/**
 * The slots of a schedule, as pg-boss sends them: at each of its passes, the last occurrence before that instant. An
 * occurrence that only a walk forward finds is never sent: where the clock is put forward from 2:00 to 3:00 it shows
 * 2:30 as 3:30. And it shows 2:30 once where the clock is put back, and pg-boss sends both.
 *
 * All of these answer undefined for a schedule that cannot be read: others may install one, by pg-boss or by SQL, and
 * pg-boss takes RFC 5545 rules too.
 */

/** Why a schedule cannot be read. Undefined when it can. */
export function unreadable(schedule: JobSchedule): string | undefined {
  // The parser takes no expression as every minute, which pg-boss refuses, and no zone as that of this host.
  if (!schedule.cron?.trim()) return 'it is empty';
  if (!schedule.timezone) return 'it has no time zone';
  try {
    slotBefore(schedule, new Date(0));
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    return message.startsWith('CronDate: unhandled') ? `its time zone "${schedule.timezone}" is unknown` : message;
  }
}

/** The last slot before `now`. */
export function previousSlot(schedule: JobSchedule, now: Date): Date | undefined {
  return ifReadable(schedule, () => slotBefore(schedule, now));
}

/** The first `count` slots after `from`; fewer when a year brings no more. */
export function nextSlots(schedule: JobSchedule, from: Date, count: number): readonly Date[] | undefined {
  return ifReadable(schedule, () => {
    const slots: Date[] = [];
    let reached = from;
    for (let step = 0; slots.length < count && step < count + MAX_UNSENT; step++) {
      const ahead = occurrences(schedule, reached).next().toDate();
      slots.push(...slotsBetween(schedule, reached, ahead));
      reached = ahead;
    }
    return slots.slice(0, count);
  });
}

/**
 * The time between two slots, in seconds: the longest among the last three periods and the one that runs now. A
 * schedule that rests over night or over the weekend has long periods then, and for its first slots afterwards.
 */
export function periodSeconds(schedule: JobSchedule, now: Date): number | undefined {
  return ifReadable(schedule, () => {
    let later = nextSlots(schedule, now, 1)?.[0];
    if (!later) return undefined;
    let longest = 0;
    for (let period = 0; period < 4; period++) {
      const earlier = slotBefore(schedule, later);
      longest = Math.max(longest, later.getTime() - earlier.getTime());
      later = earlier;
    }
    return longest / 1000;
  });
}

/** The most occurrences in a row that are never sent: those of one day, each minute of the hour that is left out. */
const MAX_UNSENT = 120;

/** After `from` and up to `to`, by looking back. */
function slotsBetween(schedule: JobSchedule, from: Date, to: Date): Date[] {
  const slots: Date[] = [];
  let slot = slotBefore(schedule, new Date(to.getTime() + 1));
  for (; slot > from; slot = slotBefore(schedule, slot)) slots.unshift(slot);
  return slots;
}

// Parsed anew each time, as pg-boss does: one that has gone back before answers otherwise around a change of the clock.
function slotBefore(schedule: JobSchedule, now: Date): Date {
  return occurrences(schedule, now).prev().toDate();
}

function occurrences({ cron, timezone }: JobSchedule, now: Date) {
  return CronExpressionParser.parse(cron, { tz: timezone, currentDate: now });
}

function ifReadable<T>(schedule: JobSchedule, answer: () => T): T | undefined {
  if (unreadable(schedule) !== undefined) return undefined;
  try {
    return answer();
  } catch {
    // The parser gives up around some changes of the clock, and pg-boss then sends nothing.
    return undefined;
  }
}
