import type pg from 'pg';
import type { DatabaseClient, DatabasePool } from './database.ts';

/** How long it may take to connect, and then to cancel. */
export const CANCEL_MS = 1000;

/** What a pool and a client of `pg` have beside, and their types do not tell. */
interface Cancellable {
  readonly Client?: typeof pg.Client;
  readonly processID?: number | null;
}

/**
 * Cancels the statement that a connection waits for, because a server does not notice that a waiting client is gone:
 * while a table is locked, given-up connections would pile up there until it takes no more. On a connection of its
 * own, because those of the pool may all be waiting. Cancels nothing once the statement has ended; never throws.
 */
export async function cancelStatement(
  pool: DatabasePool & Cancellable,
  { processID }: DatabaseClient & Cancellable,
  text: string,
): Promise<void> {
  if (pool.Client === undefined || !processID) return;
  // pg hides the password from whoever copies the options.
  const { password } = pool.options as pg.PoolConfig;
  const limits = { connectionTimeoutMillis: CANCEL_MS, query_timeout: CANCEL_MS };
  const client = new pool.Client({ ...pool.options, ...(password !== undefined && { password }), ...limits });
  client.on('error', () => {});
  try {
    await client.connect();
    // The server shows no more than the beginning of a long statement.
    await client.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and state = 'active' and starts_with($2, query)`,
      [processID, text],
    );
  } catch {
    // Then the connection is cut off without it.
  } finally {
    // Not waited for: on a connection that is half-open the end never comes.
    void client.end().catch(() => {});
  }
}
