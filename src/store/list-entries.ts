import { type RawBuilder, sql } from 'kysely';
import type { Cursor } from '../audit-log/cursor.ts';
import type { Instant } from '../audit-log/instant.ts';
import type { Entry } from '../audit-log/listing.ts';
import { storableText } from '../audit-log/storable-text.ts';
import type { AuditLogDatabase } from './database.ts';
import { selectEntries, toEntry } from './select-entries.ts';

/**
 * One page of the completed past, at most up to the horizon. It must be a statement of its own, later than the one
 * that answered the horizon. One range scan of `audit_log_completed_by_time_completed`, whatever the depth; filters
 * are checked on the way.
 */
export async function listEntries(
  { db }: AuditLogDatabase,
  place: Omit<Cursor, 'horizon'> & { readonly horizon: Instant },
  limit: number,
): Promise<Entry[]> {
  const { from, to, filter, horizon, position } = place;
  const ascending = place.order === 'ascending';
  const direction = ascending ? 'asc' : 'desc';

  let page = selectEntries(db).where('time_completed', '<=', instant(horizon));
  if (from !== undefined) page = page.where('time_completed', '>=', instant(from));
  if (to !== undefined) page = page.where('time_completed', '<', instant(to));
  if (position !== undefined) {
    // As a row value, so that it is the bound of the scan: the form with `or` reads everything before the page.
    const last = sql`(${instant(position.timeCompleted)}, ${position.id}::uuid)`;
    const beyond = ascending ? sql`>` : sql`<`;
    page = page.where(sql<boolean>`(time_completed, id) ${beyond} ${last}`);
  }
  // As `begin` stored them.
  if (filter.operationId !== undefined) page = page.where('operation_id', '=', storableText(filter.operationId));
  if (filter.actorId !== undefined) page = page.where('actor_id', '=', storableText(filter.actorId));
  if (filter.tenantId !== undefined) page = page.where('tenant_id', '=', storableText(filter.tenantId));
  if (filter.result !== undefined) page = page.where('result_kind', '=', filter.result);
  const rows = await page
    .orderBy(sql.ref('audit_log_complete.time_completed'), direction)
    .orderBy('id', direction)
    .limit(limit)
    .execute();
  return rows.map(toEntry);
}

function instant(text: Instant): RawBuilder<string> {
  return sql<string>`${text}::timestamptz`;
}
