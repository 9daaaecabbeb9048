import { sql } from 'kysely';
import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantText } from './instant-text.ts';

/** Entries that nobody has completed yet. Served by `audit_log_incomplete_by_time_started`. */
export interface Incomplete {
  readonly count: number;
  readonly oldestStarted: Instant | null;
  /** Those started before the cutoff. */
  readonly stale: number;
}

export async function countIncomplete({ db }: AuditLogDatabase, cutoff: Instant): Promise<Incomplete> {
  return await db
    .selectFrom('audit_log')
    .select([
      sql<number>`count(*)::integer`.as('count'),
      instantText<Instant | null>(sql`min(time_started)`).as('oldestStarted'),
      sql<number>`count(*) filter (where time_started < ${cutoff}::timestamptz)::integer`.as('stale'),
    ])
    .where('time_completed', 'is', null)
    .executeTakeFirstOrThrow();
}
