import { sql } from 'kysely';
import type { AuditLogDatabase } from './database.ts';
import { sqlStateOf } from './errors.ts';

// Longer than the largest batch takes, shorter than a job may run; and nobody waits long for a lock of ours. A process
// that is paused or cut off holds its rows for no more than half of the queue's heartbeat: whoever takes over finds
// them free, instead of passing over them until the next slot.
const LIMITS = { statement_timeout: '60s', lock_timeout: '5s', idle_in_transaction_session_timeout: '5s' };

/** Runs `action` in a transaction that the server itself ends if this process stops in the middle of it. */
export async function inTransaction<T>(
  { db, schema }: AuditLogDatabase,
  action: (transaction: AuditLogDatabase) => Promise<T>,
): Promise<T> {
  // Whatever the default of the database is: under a higher level, each concurrent completion would be a failure.
  return await db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (trx) => {
      const limits = Object.entries(LIMITS).map(([name, value]) => sql`set_config(${name}, ${value}, true)`);
      await sql`select ${sql.join(limits)}`.execute(trx);
      return await action({ db: trx, schema });
    });
}

// Trouble of the connection, the transaction or the server. Anything else is about the row, whoever raises it and with
// whatever code, and another row may fare better.
const NOT_ABOUT_THE_ROW = /^(?:08|25|26|40|42|53|55P03|57|58)/;

/**
 * Runs `action` in a savepoint. When the database refuses the data, what it did is undone, the transaction goes on,
 * and the error is the result. Any other error is thrown.
 */
export async function inSavepoint<T>(
  { db }: AuditLogDatabase,
  action: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly refused: Error }> {
  await sql`savepoint attempt`.execute(db);
  try {
    const value = await action();
    await sql`release savepoint attempt`.execute(db);
    return { value };
  } catch (error) {
    if (!(error instanceof Error) || !isAboutTheRow(error)) throw error;
    await sql`rollback to savepoint attempt`.execute(db);
    await sql`release savepoint attempt`.execute(db);
    return { refused: error };
  }
}

function isAboutTheRow(error: Error): boolean {
  const sqlState = sqlStateOf(error);
  return sqlState !== undefined && !NOT_ABOUT_THE_ROW.test(sqlState);
}
