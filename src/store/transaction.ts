import { sql } from 'kysely';
import type { AuditLogDatabase } from './database.ts';

// Longer than the largest batch takes, shorter than a job may run; and nobody waits long for a lock of ours. A process
// that is paused or cut off holds its rows for no more than half of the queue's heartbeat: whoever takes over finds
// them free, instead of passing over them until the next slot.
const LIMITS = { statement_timeout: '60s', lock_timeout: '5s', idle_in_transaction_session_timeout: '5s' };

/** Runs `action` in a transaction that the server itself ends if this process stops in the middle of it. */
export async function inTransaction<T>(
  { db, schema }: AuditLogDatabase,
  action: (transaction: AuditLogDatabase) => Promise<T>,
): Promise<T> {
  return await db.transaction().execute(async (trx) => {
    const limits = Object.entries(LIMITS).map(([name, value]) => sql`set_config(${name}, ${value}, true)`);
    await sql`select ${sql.join(limits)}`.execute(trx);
    return await action({ db: trx, schema });
  });
}

// A row that breaks a rule or holds a value that cannot be: trying another row may work.
const REFUSED = /^(?:22|23|P0)/;

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
    const { code } = error as { code?: string };
    if (!(error instanceof Error) || !REFUSED.test(code ?? '')) throw error;
    await sql`rollback to savepoint attempt`.execute(db);
    await sql`release savepoint attempt`.execute(db);
    return { refused: error };
  }
}
