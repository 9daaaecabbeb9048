/**
 * An instant as microsecond text in UTC, `2026-03-01T12:00:00.000001Z`: what the library takes and gives. JavaScript's
 * `Date` keeps milliseconds only, and entries that share one would be read twice or lost between two pages.
 */
export type Instant = string;
