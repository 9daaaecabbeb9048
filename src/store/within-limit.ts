import { setTimeout as delay } from 'node:timers/promises';
import { CANCEL_MS, cancelStatement } from './cancel-statement.ts';
import type { DatabaseClient, DatabasePool } from './database.ts';
import { BeginTimeoutError } from './errors.ts';
import type { Query, Send } from './query.ts';

/** SQLSTATE. */
const QUERY_CANCELED = '57014';

/**
 * Statements that are given up after so many milliseconds, by {@link BeginTimeoutError}: waiting for a connection and
 * waiting for the answer together. A statement that was sent is cancelled at the server, because it would commit when
 * the lock that it waits for is free, and because a server does not notice that a waiting client is gone: while a table
 * is locked, given-up connections would pile up there until it takes no more. What cannot be cancelled is cut off.
 */
export function queryWithin(pool: DatabasePool, limitMs: number, send: Send): Query {
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
      const querying = send(client, text, values);
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
  const cancelling = cancelStatement(pool, client, text);
  const cancelled = cancelling.then(() => wasCancelled);
  client.release(!(await Promise.race([cancelled, delay(CANCEL_MS, false, { ref: false })])));
}
