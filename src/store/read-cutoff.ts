import { sql } from 'kysely';
import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantText } from './instant-text.ts';

/**
 * The cutoff of an activation that runs now: the database's clock less the timeout. Entries started before it, and
 * not at it, are stale. The clock is the database's because that is the one which stamped the entries.
 */
export async function readCutoff({ db, schema }: AuditLogDatabase, timeoutSeconds: number): Promise<Instant> {
  const clock = sql.id(schema, 'audit_log_clock');
  const cutoff = instantText(sql`(${clock}() - pg_catalog.make_interval(secs => ${timeoutSeconds}::double precision))`);
  const { rows } = await sql<{ cutoff: Instant }>`select ${cutoff} as cutoff`.execute(db);
  return rows[0]!.cutoff;
}
