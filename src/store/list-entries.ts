import type { Cursor } from '../audit-log/cursor.ts';
import type { Instant } from '../audit-log/instant.ts';
import type { Entry } from '../audit-log/listing.ts';
import { storableText } from '../audit-log/storable-text.ts';
import type { AuditLogDatabase } from './database.ts';
import { kyselyQuery } from './query.ts';
import { type EntryRow, selectEntries, toEntry } from './select-entries.ts';

/**
 * One page of the completed past, at most up to the horizon. It must be a statement of its own, later than the one
 * that answered the horizon. One range scan of `audit_log_completed_by_time_completed`, whatever the depth; filters
 * are checked on the way. Its text is put together here: a query builder took longer than the statement itself.
 */
export async function listEntries(
  { db, schema }: AuditLogDatabase,
  place: Omit<Cursor, 'horizon'> & { readonly horizon: Instant },
  limit: number,
): Promise<Entry[]> {
  const { from, to, filter, horizon, position } = place;
  const [direction, beyond] = place.order === 'ascending' ? ['asc', '>'] : ['desc', '<'];
  const values: unknown[] = [];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const conditions = [`time_completed <= ${value(horizon)}::timestamptz`];
  if (from !== undefined) conditions.push(`time_completed >= ${value(from)}::timestamptz`);
  if (to !== undefined) conditions.push(`time_completed < ${value(to)}::timestamptz`);
  if (position !== undefined) {
    // As a row value, so that it is the bound of the scan: the form with `or` reads everything before the page.
    const last = `(${value(position.timeCompleted)}::timestamptz, ${value(position.id)}::uuid)`;
    conditions.push(`(time_completed, id) ${beyond} ${last}`);
  }
  // As `begin` stored them.
  if (filter.operationId !== undefined) conditions.push(`operation_id = ${value(storableText(filter.operationId))}`);
  if (filter.actorId !== undefined) conditions.push(`actor_id = ${value(storableText(filter.actorId))}`);
  if (filter.tenantId !== undefined) conditions.push(`tenant_id = ${value(storableText(filter.tenantId))}`);
  if (filter.result !== undefined) conditions.push(`result_kind = ${value(filter.result)}`);

  const rows = await kyselyQuery(db)<EntryRow>(
    `${selectEntries(schema)} where ${conditions.join(' and ')}
      order by entry.time_completed ${direction}, entry.id ${direction} limit ${value(limit)}`,
    values,
  );
  return rows.map(toEntry);
}
