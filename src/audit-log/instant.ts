import { InvalidArgumentError } from '../errors.ts';

/**
 * An instant as microsecond text in UTC, `2026-03-01T12:00:00.000001Z`: what the library takes and gives. JavaScript's
 * `Date` keeps milliseconds only, and entries that share one would be read twice or lost between two pages.
 */
export type Instant = string;

const EXPECTED = 'an instant like 2026-03-01T12:00:00.000001Z';
const ISO_8601 = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)$/;

/**
 * The one way to write an instant that was given as ISO 8601 with a time zone, up to microseconds. Throws
 * {@link InvalidArgumentError} for anything else, naming the argument.
 */
export function canonicalInstant(argument: string, text: unknown): Instant {
  const [, date, time, fraction = '', zone] = (typeof text === 'string' && ISO_8601.exec(text)) || [];
  const milliseconds = Date.parse(`${date}T${time}${zone}`);
  // `Date` takes the 30th of February for the 2nd of March.
  if (Number.isNaN(milliseconds) || new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date) {
    throw new InvalidArgumentError(argument, EXPECTED, text);
  }
  const utc = new Date(milliseconds).toISOString();
  // Its time zone may take it out of the years that have four digits, and PostgreSQL has no year 0.
  if (!/^(?!0000)\d{4}-/.test(utc)) throw new InvalidArgumentError(argument, EXPECTED, text);
  return `${utc.slice(0, 19)}.${fraction.padEnd(6, '0')}Z`;
}

/** Microseconds since 1970 of an instant in its canonical form. */
export function microsecondsOf(instant: Instant): bigint {
  return BigInt(Date.parse(`${instant.slice(0, 19)}Z`)) * 1000n + BigInt(instant.slice(20, 26));
}

/** The instant in its canonical form that is so many microseconds after 1970. */
export function instantOf(microseconds: bigint): Instant {
  const fraction = ((microseconds % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = Number((microseconds - fraction) / 1_000_000n);
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`;
}
