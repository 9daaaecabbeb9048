import { type Expression, type RawBuilder, sql } from 'kysely';

/** An instant as microsecond text in UTC, whatever the session's time zone and date style are. */
export function instantText<T extends string | null = string>(instant: Expression<unknown>): RawBuilder<T> {
  return sql<T>`pg_catalog.to_char(${instant} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
