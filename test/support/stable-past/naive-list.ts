import { sql } from 'kysely';
import { encodeCursor, decodeCursor } from '../../../src/audit-log/cursor.ts';
import type { AuditLogDatabase } from '../../../src/store/database.ts';
import { instantText } from '../../../src/store/instant-text.ts';
import { listEntries } from '../../../src/store/list-entries.ts';
import { toEntry } from '../../../src/store/select-entries.ts';
import type { List } from './history.ts';

/**
 * The library's paging, ascending, without its horizon: up to now, by the database's own clock. It is what a careful
 * program does that does not know better, and it loses entries.
 */
export function listUpToNow(database: AuditLogDatabase): List {
  const clock = sql.id(database.schema, 'audit_log_clock');
  return async ({ after, limit = 100 }) => {
    const { rows } = await sql<{ now: string }>`select ${instantText(sql`${clock}()`)} as now`.execute(database.db);
    const now = rows[0]!.now;
    const position = after === undefined ? undefined : decodeCursor(after).position;
    const place = { order: 'ascending', from: undefined, to: undefined, filter: {}, position } as const;
    const entries = (await listEntries(database, { ...place, horizon: now }, limit)).map(toEntry);
    const last = entries.at(-1) ?? position;
    const reached = last && { timeCompleted: last.timeCompleted, id: last.id };
    const next = encodeCursor({ ...place, horizon: undefined, position: reached });
    const more = entries.length === limit;
    return { entries, next, more, horizon: now, settled: false, retainedFrom: null };
  };
}
