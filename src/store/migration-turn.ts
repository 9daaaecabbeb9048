import { sql } from 'kysely';
import type { AuditLogDatabase } from './database.ts';

/**
 * Runs `action` while no other process of this database is in here: for schema changes of ours and of pg-boss, which
 * have a lock of their own each, and yet: of twelve processes that installed pg-boss at once, one now and then failed
 * with a duplicate schema. Holds one connection, in a transaction, for the lock alone.
 */
export async function inMigrationTurn<T>({ db }: AuditLogDatabase, action: () => Promise<T>): Promise<T> {
  return await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('sealog migrate', 0))`.execute(trx);
    return await action();
  });
}
