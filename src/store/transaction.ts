import { type QueryExecutorProvider, sql } from 'kysely';
import { SealogError } from '../errors.ts';
import type { AuditLogDatabase } from './database.ts';
import { sqlStateOf } from './errors.ts';

/** Time limits as PostgreSQL has them, by their names. `0` means no limit. */
export interface Limits {
  readonly statement_timeout: string;
  readonly lock_timeout: string;
  readonly idle_in_transaction_session_timeout: string;
  readonly transaction_timeout: string;
}

/** Sets the time limits of a transaction, in the place of those of the role, the database or the server. */
export async function setLimits(transaction: QueryExecutorProvider, limits: Limits): Promise<void> {
  const { transaction_timeout: whole, ...others } = limits;
  // PostgreSQL 17 brought the one for a transaction as a whole.
  const ofTransaction = sql`case when current_setting('server_version_num')::integer >= 170000
                                 then set_config('transaction_timeout', ${whole}, true) end`;
  await sql`select ${sql.join([...Object.entries(others).map(([name, value]) => sql`set_config(${name}, ${value}, true)`), ofTransaction])}`.execute(
    transaction,
  );
}

/**
 * The connection broke, or the server went down, after COMMIT was sent and before its answer came: the transaction may
 * have committed, with what `action` returned.
 */
export class CommitUncertainError<T> extends SealogError {
  override readonly name = 'CommitUncertainError';
  readonly code = 'SEALOG_COMMIT_UNCERTAIN';
  readonly value: T;

  constructor(value: T, cause: unknown) {
    super(`the answer to COMMIT was lost: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.value = value;
  }
}

/**
 * Runs `action` in a transaction that the server itself ends when `limits` says so, also if this process stops. Throws
 * {@link CommitUncertainError} when it is not known whether it committed; after any other error it did not.
 */
export async function inTransaction<T>(
  { db, schema }: AuditLogDatabase,
  limits: Limits,
  action: (transaction: AuditLogDatabase) => Promise<T>,
): Promise<T> {
  let done: { readonly value: T } | undefined;
  try {
    // Whatever the default of the database is: under a higher level, each concurrent completion would be a failure.
    return await db
      .transaction()
      .setIsolationLevel('read committed')
      .execute(async (trx) => {
        await setLimits(trx, limits);
        done = { value: await action({ db: trx, schema }) };
        return done.value;
      });
  } catch (error) {
    throw done && !isRefusal(error) ? new CommitUncertainError(done.value, error) : error;
  }
}

/** Whether the server said that it did not commit. While it goes down it may have, and says only that it goes. */
function isRefusal(error: unknown): boolean {
  const sqlState = sqlStateOf(error);
  return sqlState !== undefined && !/^(?:08|57P)/.test(sqlState);
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
