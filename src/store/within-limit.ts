import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { DatabaseClient, DatabasePool } from './database.ts';
import { BeginTimeoutError } from './errors.ts';
import type { Query } from './query.ts';

/** How long a statement that was given up may keep its connection: until it is cancelled, or the connection closed. */
const CANCEL_MS = 1000;
/** SQLSTATE. */
const QUERY_CANCELED = '57014';

/**
 * Statements that are given up after so many milliseconds, by {@link BeginTimeoutError}: waiting for a connection and
 * waiting for the answer together. A statement that was sent is cancelled at the server, because it would commit when
 * the lock that it waits for is free, and because a server does not notice that a waiting client is gone: while a table
 * is locked, given-up connections would pile up there until it takes no more. What cannot be cancelled is cut off.
 */
export function queryWithin(pool: DatabasePool, limitMs: number): Query {
  return async <Row>(text: string, values: readonly unknown[]) => {
    const { promise: outOfTime, reject } = Promise.withResolvers<never>();
    outOfTime.catch(() => {});
    let waitsFor: BeginTimeoutError['waitedFor'] = 'connection';
    const timer = setTimeout(() => reject(new BeginTimeoutError(limitMs, waitsFor)), limitMs);
    try {
      const connecting = pool.connect();
      const client = await Promise.race([connecting, outOfTime]).catch((error: unknown) => {
        // It may come yet, and is not needed any more.
        connecting.then((late) => late.release()).catch(() => {});
        throw error;
      });
      waitsFor = 'answer';
      const querying = client.query(text, values);
      const answered = Promise.race([querying, outOfTime]);
      const { rows } = await answered.catch((error: unknown) => {
        if (error instanceof BeginTimeoutError) void giveUp(pool, client, querying, text);
        else client.release();
        throw error;
      });
      client.release();
      return rows as Row[];
    } finally {
      clearTimeout(timer);
    }
  };
}

/**
 * The connection goes back to the pool only when the statement was cancelled: as long as the cancellation may still be
 * on its way it would hit whatever is sent there next, and every begin has the same text.
 */
async function giveUp(pool: DatabasePool, client: DatabaseClient, querying: Promise<unknown>, text: string) {
  const wasCancelled = querying.then(
    () => false,
    (error: { code?: unknown }) => error.code === QUERY_CANCELED,
  );
  const cancelling = cancel(pool, client, text).catch(() => {});
  const cancelled = cancelling.then(() => wasCancelled);
  client.release(!(await Promise.race([cancelled, delay(CANCEL_MS, false, { ref: false })])));
}

/** What a pool and a client of `pg` have beside, and their types do not tell. */
interface Cancellable {
  readonly Client?: typeof pg.Client;
  readonly processID?: number | null;
}

/** On a connection of its own, because those of the pool may all be waiting. Cancels nothing once it has ended. */
async function cancel(
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
    await client.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and state = 'active' and query = $2`,
      [processID, text],
    );
  } finally {
    await client.end();
  }
}
