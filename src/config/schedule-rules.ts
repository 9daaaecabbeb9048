import { CronExpressionParser } from 'cron-parser';
import { text, type Rule } from '../rules.ts';

const CRON =
  'a cron expression of five fields (minute hour day month weekday), within their ranges and of a time that comes';

/** The largest step that means what it says in each field: `*\/90` in the minutes is not "every 90 minutes". */
const LARGEST_STEPS = [59, 23, 31, 12, 7];

/**
 * The five fields of cron, as pg-boss will read them. pg-boss and its parser take more, so this is narrower on
 * purpose: fewer fields would be filled up, six would be seconds, an empty text every minute, and `H` picks another
 * minute each time it is read.
 */
export function fiveFieldCron(): Rule<string> {
  return text(CRON, 256, (value) => {
    const fields = value.split(/[ \t]+/);
    if (fields.length !== 5 || !/^[\d*,/?#A-Z-]+$/i.test(fields.join('')) || /\bH\b/i.test(value)) return false;
    if (fields.some((field, index) => largestStep(field) > (LARGEST_STEPS[index] ?? 0))) return false;
    try {
      // Asking for an occurrence refuses what parses and never comes.
      CronExpressionParser.parse(value, { tz: 'UTC' }).next();
      return true;
    } catch {
      return false;
    }
  });
}

/** A name of the time zone database. Offsets such as +02:00 are refused: they know no summer time. */
export function timeZone(): Rule<string> {
  return text('an IANA time zone name such as Europe/Berlin', 64, (value) => {
    if (!/^[A-Z]/i.test(value)) return false;
    try {
      return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== '';
    } catch {
      return false;
    }
  });
}

function largestStep(field: string): number {
  return Math.max(0, ...[...field.matchAll(/\/(\d+)/g)].map((match) => Number(match[1])));
}
