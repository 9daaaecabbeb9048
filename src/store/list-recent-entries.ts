import { sql } from 'kysely';
import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantText } from './instant-text.ts';

/** An entry for people to look at: what readers of the log see of it, or only how it began while it is incomplete. */
export interface RecentEntry {
  readonly id: string;
  readonly operationId: string;
  readonly actorId: string | null;
  readonly timeStarted: Instant;
  readonly timeCompleted: Instant | null;
  readonly result: 'success' | 'error' | 'unknown' | null;
  readonly httpStatusCode: number | null;
}

/**
 * The newest entries, oldest first: completed ones as the view `audit_log_complete` shows them, and incomplete ones.
 * For people, not for programs that follow the log: it knows no horizon, so what it shows may still be added to.
 * Served by the primary key, because ids are UUIDv7 and sort by time.
 */
export async function listRecentEntries({ db, schema }: AuditLogDatabase, limit: number): Promise<RecentEntry[]> {
  const { rows } = await sql<RecentEntry>`
    select recent.id,
           recent.operation_id as "operationId",
           recent.actor_id as "actorId",
           ${instantText(sql`recent.time_started`)} as "timeStarted",
           ${instantText(sql`complete.time_completed`)} as "timeCompleted",
           complete.result_kind as result,
           complete.http_status_code as "httpStatusCode"
      from (select * from ${sql.id(schema, 'audit_log')} order by id desc limit ${limit}) as recent
      left join ${sql.id(schema, 'audit_log_complete')} as complete on complete.id = recent.id
     order by recent.time_started, recent.id
  `.execute(db);
  return rows;
}
