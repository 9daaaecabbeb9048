import { sql } from 'kysely';
import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantText } from './instant-text.ts';

/**
 * Seals the completed past, up to `target` if that is enough, and answers the horizon. Entries up to it are read in a
 * later statement, on the same server. Cheap when that much is sealed already: migrations/0004_sealing.sql.
 */
export async function seal({ db, schema }: AuditLogDatabase, target: Instant | undefined): Promise<Instant> {
  const horizon = instantText(sql`${sql.id(schema, 'audit_log_seal')}(${target ?? 'infinity'}::timestamptz)`);
  const { rows } = await sql<{ horizon: Instant }>`select ${horizon} as horizon`.execute(db);
  return rows[0]!.horizon;
}
