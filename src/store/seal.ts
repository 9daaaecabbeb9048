import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantJson, instantOfJson } from './instant-json.ts';
import { auditLogTable, kyselyQuery } from './query.ts';

/**
 * Seals the completed past, up to `target` if that is enough, and answers the horizon. Entries up to it are read in a
 * later statement, on the same server. Cheap when that much is sealed already: migrations/0004_sealing.sql. What anybody
 * has sealed within the last `withinMs` is enough.
 */
export async function seal(
  { db, schema }: AuditLogDatabase,
  target: Instant | undefined,
  { withinMs = 0 }: { readonly withinMs?: number } = {},
): Promise<Instant> {
  const table = auditLogTable(schema);
  const enough = withinMs === 0 ? '' : `, ${table}_clock() - make_interval(secs => ${withinMs / 1000})`;
  const [sealed] = await kyselyQuery(db)<{ readonly horizon: string }>(
    `select ${instantJson(`${table}_seal(least($1::timestamptz${enough}))`)} as horizon`,
    [target ?? 'infinity'],
  );
  return instantOfJson(sealed!.horizon);
}
