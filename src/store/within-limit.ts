import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { CANCEL_MS, cancelStatement } from './cancel-statement.ts';
import type { DatabaseClient, DatabasePool } from './database.ts';
import { sqlStateOf } from './errors.ts';
import type { Query, Send } from './query.ts';

const QUERY_CANCELED = '57014';

/** When statements are given up, and the error that says so. */
export interface TimeLimit {
  /** By `performance.now()`. */
  readonly deadline: number;
  /** `connection`: the pool gave none, and nothing was sent. `answer`: the statement was sent. */
  readonly exceeded: (waitedFor: 'connection' | 'answer') => Error;
}

export function timeLimit(limitMs: number, exceeded: TimeLimit['exceeded']): TimeLimit {
  return { deadline: performance.now() + limitMs, exceeded };
}

/**
 * Statements that are given up at the deadline, all of them together: waiting for connections and waiting for answers. A
 * statement that was sent is cancelled at the server, because it would commit when the lock that it waits for is free, and
 * because a server does not notice that a waiting client is gone: while a table is locked, given-up connections would
 * pile up there until it takes no more. What cannot be cancelled is cut off.
 */
export function queryWithin(pool: DatabasePool, send: Send, { deadline, exceeded }: TimeLimit): Query {
  return async <Row>(text: string, values: readonly unknown[]) => {
    const limitMs = deadline - performance.now();
    if (limitMs <= 0) throw exceeded('connection');
    const { promise: outOfTime, reject } = Promise.withResolvers<never>();
    outOfTime.catch(() => {});
    let waitsFor: 'connection' | 'answer' = 'connection';
    let late: Error | undefined;
    const timer = setTimeout(() => reject((late = exceeded(waitsFor))), limitMs);
    try {
      const connecting = pool.connect();
      const client = await Promise.race([connecting, outOfTime]).catch((error: unknown) => {
        // It may come yet, and is not needed any more.
        connecting.then((unused) => unused.release()).catch(() => {});
        throw error;
      });
      waitsFor = 'answer';
      const querying = send(client, text, values);
      const answered = Promise.race([querying, outOfTime]);
      const { rows } = await answered.catch((error: unknown) => {
        if (error === late) void giveUp(pool, client, querying, text);
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
    (error: unknown) => sqlStateOf(error) === QUERY_CANCELED,
  );
  const cancelling = cancelStatement(pool, client, text);
  const cancelled = cancelling.then(() => wasCancelled);
  client.release(!(await Promise.race([cancelled, delay(CANCEL_MS, false, { ref: false })])));
}
