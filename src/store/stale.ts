import { type RawBuilder, sql } from 'kysely';

/**
 * An entry that was begun while the database's clock was wrong by more than this comes to be older than any timeout only
 * when the clock has come there: it is stale at once.
 */
const AHEAD = sql`interval '1 day'`;

/** Whether an incomplete entry that was begun at `timeStarted` is stale, at the cutoff. */
export function isStale(
  schema: string,
  timeStarted: RawBuilder<unknown>,
  cutoff: RawBuilder<unknown>,
): RawBuilder<boolean> {
  const now = sql`${sql.id(schema, 'audit_log_clock')}()`;
  return sql<boolean>`(${timeStarted} < ${cutoff} or ${timeStarted} > ${now} + ${AHEAD})`;
}
