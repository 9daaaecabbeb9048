import type { Cursor } from '../audit-log/cursor.ts';
import type { Instant } from '../audit-log/instant.ts';
import type { Entry } from '../audit-log/listing.ts';
import { storableText } from '../audit-log/storable-text.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantJson, instantOfJson } from './instant-json.ts';
import { auditLogTable, kyselyQuery } from './query.ts';
import { type EntryRow, selectEntries, toEntry } from './select-entries.ts';

type Place = Omit<Cursor, 'horizon'>;

/** One page, at most up to the horizon. It must be a later statement than the one that answered the horizon. */
export async function listEntries(
  { db, schema }: AuditLogDatabase,
  place: Place & { readonly horizon: Instant },
  limit: number,
): Promise<Entry[]> {
  const { text, values } = pageStatement(selectEntries(schema), place, limit, (value) => [
    `time_completed <= ${value(place.horizon)}::timestamptz`,
  ]);
  const rows = await kyselyQuery(db)<EntryRow>(text, values);
  return rows.map(toEntry);
}

/**
 * One page up to the horizon that was published last, which comes with it; newest first up to the horizon of the first
 * page, if that much has been published. Null when that does not fill the page.
 *
 * One statement is enough: a snapshot that sees a published horizon is later than the commit which published it, and so
 * it sees everything that was completed up to there.
 */
export async function listPublishedEntries(
  { db, schema }: AuditLogDatabase,
  { horizon: pinned, ...place }: Cursor,
  limit: number,
): Promise<{ readonly entries: Entry[]; readonly horizon: Instant } | null> {
  // Written as text in the sub-select, which runs once, and not for each entry.
  const select = selectEntries(schema, `${fromHorizon(schema, instantJson('sealed'))} as horizon`);
  const published = fromHorizon(schema, 'sealed');
  const { text, values } = pageStatement(select, place, limit, (value) => {
    if (place.order === 'ascending') return [`time_completed <= ${published}`];
    const upTo = `${value(pinned)}::timestamptz`;
    return [`time_completed <= ${upTo}`, `${upTo} <= ${published}`];
  });
  const rows = await kyselyQuery(db)<EntryRow & { readonly horizon: string }>(text, values);
  if (rows.length < limit) return null;
  const horizon = place.order === 'descending' && pinned ? pinned : instantOfJson(rows[0]!.horizon);
  return { entries: rows.map(toEntry), horizon };
}

function fromHorizon(schema: string, what: string): string {
  return `(select ${what} from ${auditLogTable(schema)}_horizon)`;
}

/**
 * One range scan of `audit_log_completed_by_time_completed`, whatever the depth; filters are checked on the way. Its
 * text is put together here: a query builder took longer than the statement itself.
 */
function pageStatement(
  select: string,
  { from, to, filter, order, position }: Place,
  limit: number,
  final: (value: (given: unknown) => string) => string[],
): { readonly text: string; readonly values: readonly unknown[] } {
  const [direction, beyond] = order === 'ascending' ? ['asc', '>'] : ['desc', '<'];
  const values: unknown[] = [];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const conditions = final(value);
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
  const text = `${select} where ${conditions.join(' and ')}
    order by entry.time_completed ${direction}, entry.id ${direction} limit ${value(limit)}`;
  return { text, values };
}
