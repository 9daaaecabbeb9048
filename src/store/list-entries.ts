import type { Cursor } from '../audit-log/cursor.ts';
import type { Instant } from '../audit-log/instant.ts';
import { storableText } from '../audit-log/storable-text.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantJson, instantOfJson } from './instant-json.ts';
import { auditLogTable, kyselyQuery } from './query.ts';
import { completeEntries, type EntryRow, selectEntries } from './select-entries.ts';

type Place = Omit<Cursor, 'horizon'>;

/** A place up to a horizon. What is read must be a later statement than the one that answered the horizon. */
export type FinalPlace = Place & { readonly horizon: Instant };

/** One page without a filter, at most up to the horizon. */
export async function listEntries(
  { db, schema }: AuditLogDatabase,
  place: FinalPlace,
  limit: number,
): Promise<readonly EntryRow[]> {
  const statement = new Statement();
  const range = rangeOf(place, statement, [`time_completed <= ${statement.value(place.horizon)}::timestamptz`]);
  const text = `${selectEntries(completeEntries(schema))} ${range} limit ${statement.value(limit)}`;
  return await kyselyQuery(db)<EntryRow>(text, statement.values);
}

/**
 * One page without a filter up to the horizon that was published last, which comes with it; newest first up to the
 * horizon of the first page, if that much has been published. Null when that does not fill the page.
 *
 * One statement is enough: a snapshot that sees a published horizon is later than the commit which published it, and so
 * it sees everything that was completed up to there.
 */
export async function listPublishedEntries(
  { db, schema }: AuditLogDatabase,
  { horizon: pinned, ...place }: Cursor,
  limit: number,
): Promise<{ readonly rows: readonly EntryRow[]; readonly horizon: Instant } | null> {
  const statement = new Statement();
  // Written as text in the sub-select, which runs once, and not for each entry.
  const select = selectEntries(completeEntries(schema), `${fromHorizon(schema, instantJson('sealed'))} as horizon`);
  const published = fromHorizon(schema, 'sealed');
  const upTo = place.order === 'ascending' ? published : `${statement.value(pinned)}::timestamptz`;
  const isPublished = place.order === 'ascending' ? [] : [`${upTo} <= ${published}`];
  const range = rangeOf(place, statement, [`time_completed <= ${upTo}`, ...isPublished]);
  const text = `${select} ${range} limit ${statement.value(limit)}`;
  const rows = await kyselyQuery(db)<EntryRow & { readonly horizon: string }>(text, statement.values);
  if (rows.length < limit) return null;
  return { rows, horizon: place.order === 'descending' && pinned ? pinned : instantOfJson(rows[0]!.horizon) };
}

function fromHorizon(schema: string, what: string): string {
  return `(select ${what} from ${auditLogTable(schema)}_horizon)`;
}

/** Some entries in a row, of which those were picked that pass a filter. */
export interface Stretch {
  /** Those that pass, at most as many as were asked for. */
  readonly rows: readonly EntryRow[];
  /** The last one that was read, whether it passes or not. Undefined: none was. */
  readonly last: EntryRow | undefined;
  /** Whether the stretch reached the end of the range. */
  readonly atEnd: boolean;
}

/**
 * Reads on through at most `size` entries, until `limit` of them have passed the filter. The filter is outside of the
 * sub-select, whose limit keeps it there: inside, a filter that few entries pass would read the whole range, and might do
 * so by another index. The last entry of the stretch comes whether it passes or not, so that the next one begins there.
 */
export async function listStretch(
  { db, schema }: AuditLogDatabase,
  place: FinalPlace,
  { size, limit }: { readonly size: number; readonly limit: number },
): Promise<Stretch> {
  const statement = new Statement();
  const range = rangeOf(place, statement, [`time_completed <= ${statement.value(place.horizon)}::timestamptz`]);
  const most = `${statement.value(size)}::bigint`;
  const stretch = `(select *, row_number() over (${orderOf(place)}) as nth
      from ${completeEntries(schema)} ${range} limit ${most}) as entry`;
  const passes = filterOf(place, statement);
  const text = `${selectEntries(stretch, `((${passes}) is true)::text as passes`, `(nth = ${most})::text as "endsStretch"`)}
    where (${passes}) or nth = ${most} ${orderOf(place)} limit ${statement.value(limit)}`;
  const rows = await kyselyQuery(db)<EntryRow & { readonly passes: string; readonly endsStretch: string }>(
    text,
    statement.values,
  );
  const last = rows.at(-1);
  const passing = rows.filter((row) => row.passes === 'true');
  return { rows: passing, last, atEnd: last?.endsStretch !== 'true' && passing.length < limit };
}

/** The text of a statement is put together here: a query builder took longer than the statement itself. */
class Statement {
  readonly values: unknown[] = [];

  /** The parameter for a value. */
  value(given: unknown): string {
    return `$${this.values.push(given)}`;
  }
}

function orderOf({ order }: Pick<Place, 'order'>): string {
  const direction = order === 'ascending' ? 'asc' : 'desc';
  return `order by entry.time_completed ${direction}, entry.id ${direction}`;
}

/** One range scan of `audit_log_completed_by_time_completed`, whatever the depth. */
function rangeOf(place: Place, statement: Statement, final: readonly string[]): string {
  const { from, to, order, position } = place;
  const conditions = [...final];
  if (from !== undefined) conditions.push(`time_completed >= ${statement.value(from)}::timestamptz`);
  if (to !== undefined) conditions.push(`time_completed < ${statement.value(to)}::timestamptz`);
  if (position !== undefined) {
    // As a row value, so that it is the bound of the scan: the form with `or` reads everything before the page.
    const last = `(${statement.value(position.timeCompleted)}::timestamptz, ${statement.value(position.id)}::uuid)`;
    conditions.push(`(time_completed, id) ${order === 'ascending' ? '>' : '<'} ${last}`);
  }
  return `where ${conditions.join(' and ')} ${orderOf(place)}`;
}

/** The conditions of a filter, with its values as `begin` stored them. */
function filterOf({ filter }: Place, statement: Statement): string {
  const conditions: string[] = [];
  const { operationId, actorId, tenantId, result } = filter;
  if (operationId !== undefined) conditions.push(`operation_id = ${statement.value(storableText(operationId))}`);
  if (actorId !== undefined) conditions.push(`actor_id = ${statement.value(storableText(actorId))}`);
  if (tenantId !== undefined) conditions.push(`tenant_id = ${statement.value(storableText(tenantId))}`);
  if (result !== undefined) conditions.push(`result_kind = ${statement.value(result)}`);
  return conditions.join(' and ');
}
