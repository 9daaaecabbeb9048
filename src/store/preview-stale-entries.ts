import { sql } from 'kysely';
import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantText } from './instant-text.ts';

/** Stale entries as an activation would find them. */
export interface StaleEntries {
  readonly stale: number;
  readonly oldestStarted: Instant | null;
  /** How many an activation would complete now. */
  readonly wouldTimeOut: number;
}

/** Counts stale entries and changes nothing. Served by `audit_log_incomplete_by_time_started`. */
export async function previewStaleEntries(
  { db }: AuditLogDatabase,
  { cutoff, limit }: { readonly cutoff: Instant; readonly limit: number },
): Promise<StaleEntries> {
  return await db
    .selectFrom('audit_log')
    .select([
      sql<number>`count(*)::integer`.as('stale'),
      instantText<Instant | null>(sql`min(time_started)`).as('oldestStarted'),
      sql<number>`least(count(*), ${limit}::integer)::integer`.as('wouldTimeOut'),
    ])
    .where('time_completed', 'is', null)
    .where('time_started', '<', sql<string>`${cutoff}::timestamptz`)
    .executeTakeFirstOrThrow();
}
