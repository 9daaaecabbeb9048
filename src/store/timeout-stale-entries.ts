import { type RawBuilder, sql } from 'kysely';
import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantText } from './instant-text.ts';

// Operations are few and fixed, or should be; an outcome is a log line and a row all the same.
export const MOST_OPERATIONS = 50;

/** That an entry was started more than a day ahead of the clock: as a sub-select, so that it can be a bound of the scan. */
export function startedAhead(schema: string): RawBuilder<boolean> {
  return sql`time_started > (select ${sql.id(schema, 'audit_log_clock')}() + interval '1 day')`;
}

/** What one pass of the timeout has done. */
export interface TimedOut {
  readonly timedOut: number;
  /** `time_started` of the oldest of them. */
  readonly oldestStarted: Instant | null;
  /** How many of each operation: of the fifty with the most. */
  readonly byOperation: Readonly<Record<string, number>>;
  /** The oldest ten, in the order of `(time_started, id)`. */
  readonly sampleIds: readonly string[];
}

/**
 * Completes up to `limit` stale entries with result `timeout`: those started before the cutoff, oldest first, then those
 * started more than a day ahead of the clock, which were begun while it was wrong and would never become older than it.
 *
 * Safe to run from many connections at once: `skip locked` gives each a different slice and leaves alone an entry
 * that its own request is completing now, and the second `is null` is true when the row is written, not only when
 * it was chosen. That one is of `result_kind`, which is null at the same time, so that each entry is found again by the
 * primary key: by the table's statistics no entry is incomplete, and PostgreSQL would rather read the whole index of
 * those again for each. The cutoff is a parameter because a volatile clock in the WHERE could not be an index condition.
 * Served by `audit_log_incomplete_by_time_started`.
 */
export async function timeoutStaleEntries(
  { db, schema }: AuditLogDatabase,
  { cutoff, limit }: { readonly cutoff: Instant; readonly limit: number },
): Promise<TimedOut> {
  return await db
    .with(
      (cte) => cte('stale').materialized(),
      (qb) => {
        const stale = (condition: RawBuilder<boolean>) =>
          qb
            .selectFrom('audit_log')
            .select('id')
            .where('time_completed', 'is', null)
            .where(condition)
            .orderBy('time_started')
            .orderBy('id')
            .limit(limit)
            .forNoKeyUpdate()
            .skipLocked();
        // Two ranges of the index, and not one condition with OR. The second one is read only if the first is too short.
        const old = stale(sql`time_started < ${cutoff}::timestamptz`).as('old');
        const ahead = stale(startedAhead(schema)).as('ahead');
        return qb
          .selectFrom(old)
          .select('id')
          .unionAll((either) => either.selectFrom(ahead).select('id'))
          .limit(limit);
      },
    )
    .with('timed_out', (qb) =>
      qb
        .updateTable('audit_log as entry')
        .from('stale')
        .set({ result_kind: 'timeout' })
        .whereRef('entry.id', '=', 'stale.id')
        .where('entry.result_kind', 'is', null)
        .returning(['entry.id', 'entry.time_started', 'entry.operation_id']),
    )
    .with('operation', (qb) =>
      qb
        .selectFrom('timed_out')
        .select(['operation_id', sql<number>`count(*)`.as('entries')])
        .groupBy('operation_id')
        .orderBy('entries', 'desc')
        .orderBy('operation_id')
        .limit(MOST_OPERATIONS),
    )
    .selectFrom('timed_out')
    .select([
      sql<number>`count(*)::integer`.as('timedOut'),
      instantText<Instant | null>(sql`min(time_started)`).as('oldestStarted'),
      sql<
        Record<string, number>
      >`(select coalesce(pg_catalog.jsonb_object_agg(operation_id, entries), '{}') from operation)`.as('byOperation'),
      sql<string[]>`coalesce((pg_catalog.array_agg(id order by time_started, id))[1:10], '{}')`.as('sampleIds'),
    ])
    .executeTakeFirstOrThrow();
}
