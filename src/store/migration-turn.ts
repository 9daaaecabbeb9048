import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Blocker, findBlockers } from './blockers.ts';
import type { MigratableDatabase } from './database.ts';
import { StoreError } from './errors.ts';
import { setLimits } from './transaction.ts';

/** This transaction waits on purpose, for as long as `action` takes, whatever the role or the database is set to. */
const LIMITS = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  transaction_timeout: '0',
};
const ASK_AGAIN_MS = 200;
const LOOK_FOR_BLOCKERS_MS = 5000;

export interface MigrationTurnOptions {
  /** Called with a session that has kept the turn, or `action` in it, waiting for five seconds, and again each time. */
  readonly onBlocked?: (blocker: Blocker) => void;
}

/**
 * Runs `action` while no other process of this database is in here: for schema changes of ours and of pg-boss, which
 * have a lock of their own each, and yet: of twelve processes that installed pg-boss at once, one now and then failed
 * with a duplicate schema. Holds one connection, in a transaction, for the lock alone. It asks for the lock again and
 * again, because a statement that waits would be ended by time limits. What `action` throws while another session keeps
 * it from a lock is a {@link StoreError} that names the session.
 */
export async function inMigrationTurn<T>(
  database: MigratableDatabase,
  action: () => Promise<T>,
  { onBlocked = () => {} }: MigrationTurnOptions = {},
): Promise<T> {
  let last: Blocker | undefined;
  let isWatching = false;
  const lookForBlocker = async (): Promise<void> => {
    if (isWatching) return;
    isWatching = true;
    // What it cannot find out does not keep the action from its work.
    const [found] = await findBlockers(database, LOCK_NAME).catch(() => []);
    isWatching = false;
    if (!found) return;
    last = found;
    onBlocked(found);
  };
  const watching = setInterval(() => {
    void lookForBlocker();
  }, LOOK_FOR_BLOCKERS_MS);
  try {
    for (;;) {
      const turn = await takeTurn(database, action);
      if (turn) return turn.result;
      await delay(ASK_AGAIN_MS);
    }
  } catch (error) {
    throw last && isOutOfTime(error) ? new StoreError('migrate', withBlocker(error as Error, last)) : error;
  } finally {
    clearInterval(watching);
  }
}

const LOCK_NAME = 'sealog migrate';

async function takeTurn<T>(
  { patient }: MigratableDatabase,
  action: () => Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  return await patient.transaction().execute(async (trx) => {
    await setLimits(trx, LIMITS);
    const { rows } = await sql<{ taken: boolean }>`
      select pg_try_advisory_xact_lock(pg_catalog.hashtextextended(${LOCK_NAME}, 0)) as taken
    `.execute(trx);
    return rows[0]!.taken ? { result: await action() } : undefined;
  });
}

/** The server's own limits for a wait, which pg-boss sets, and a client's. */
function isOutOfTime(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === '55P03' || code === '57014' || message === 'Query read timeout';
}

function withBlocker(error: Error, { pid, applicationName, userName }: Blocker): Error {
  const who = [applicationName && `"${applicationName}"`, userName && `user ${userName}`].filter(Boolean).join(', ');
  const session = `session ${pid}${who && ` (${who})`}`;
  return Object.assign(
    new Error(
      `${error.message}: ${session} holds a lock that is needed; to end it: select pg_terminate_backend(${pid});`,
      {
        cause: error,
      },
    ),
    { code: (error as { code?: unknown }).code },
  );
}
