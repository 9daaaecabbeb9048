import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantJson, instantOfJson } from './instant-json.ts';
import { auditLogTable, kyselyQuery } from './query.ts';

/**
 * Seals the completed past, up to `target` if that is enough, and answers the horizon. Entries up to it are read in a
 * later statement, on the same server. Cheap when that much is sealed already: migrations/0004_sealing.sql.
 */
export async function seal({ db, schema }: AuditLogDatabase, target: Instant | undefined): Promise<Instant> {
  const [sealed] = await kyselyQuery(db)<{ readonly horizon: string }>(
    `select ${instantJson(`${auditLogTable(schema)}_seal($1::timestamptz)`)} as horizon`,
    [target ?? 'infinity'],
  );
  return instantOfJson(sealed!.horizon);
}
