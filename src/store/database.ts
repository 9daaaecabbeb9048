import { EventEmitter } from 'node:events';
import { Kysely, PostgresDialect, type PostgresPool } from 'kysely';
import { InvalidArgumentError } from '../errors.ts';
import { cancelStatement } from './cancel-statement.ts';
import { isOfConnection, LeftOpenError } from './errors.ts';
import { patientPool } from './patient-pool.ts';
import type { Tables } from './tables.ts';

/** A `pg.Pool`, or anything of its shape. */
export interface DatabasePool {
  readonly options: object;
  connect(): Promise<DatabaseClient>;
  end(): Promise<void>;
}

/** A connection of a {@link DatabasePool}, in use until it is released. */
export interface DatabaseClient {
  query(statement: string | PreparedStatement, values?: readonly unknown[]): Promise<{ readonly rows: unknown[] }>;
  /** `I`: in no transaction. A client of `pg` has it since 8.22. */
  getTransactionStatus(): string | null;
  release(destroy?: boolean): void;
}

/** A statement that a connection keeps prepared under its name. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/** The audit log in one database: the statements of this room take it first. In a transaction `db` is that one. */
export interface AuditLogDatabase {
  readonly db: Kysely<Tables>;
  readonly schema: string;
}

/** An audit log whose schema can be changed. */
export interface MigratableDatabase extends AuditLogDatabase {
  /** As `db`, for what may take as long as it takes. */
  readonly patient: Kysely<Tables>;
}

export function auditLogDatabase(pool: DatabasePool, schema: string): MigratableDatabase {
  const connections = guarded(pool);
  return { ...databaseOn(connections, schema), patient: kyselyOn(patientPool(connections), schema) };
}

/**
 * How long any answer may take, in milliseconds, on a pool that does not say. A `pg.Pool` waits for ever for a server
 * that is silent, and each call that waits keeps a connection from those that write.
 */
const ANSWER_MS = 30_000;

/** The same on connections that are {@link guarded} already. */
export function databaseOn(connections: GuardedPool, schema: string, answerMs: number = ANSWER_MS): AuditLogDatabase {
  const hasLimit = Boolean((connections.options as { query_timeout?: number }).query_timeout);
  const pool = hasLimit ? connections : { ...connections, connect: () => connections.connect(answerMs) };
  return { db: kyselyOn(pool, schema), schema };
}

function kyselyOn(pool: DatabasePool, schema: string): Kysely<Tables> {
  const dialect = new PostgresDialect({ pool: pool as unknown as PostgresPool });
  return new Kysely<Tables>({ dialect }).withSchema(schema);
}

/** Connections that are closed after trouble, instead of given back. */
export interface GuardedPool extends DatabasePool {
  /** `answerMs`: how long each answer on the connection may take. Default: as long as the pool says. */
  connect(answerMs?: number): Promise<DatabaseClient>;
}

/** A pool may have several that were left so; one that gives no others would be asked for ever. */
const MAX_TRIES = 100;

/**
 * A connection that breaks while it is in use emits an error too, beside failing its query, and a pool listens only to
 * idle ones: without a listener of our own that would end the process, at the first restart of the database.
 */
export function guarded(pool: DatabasePool): GuardedPool {
  return {
    ...('Client' in pool && { Client: pool.Client }),
    options: pool.options,
    end: () => pool.end(),
    async connect(answerMs) {
      let client = await connectTo(pool);
      // Somebody gave it back within a transaction: what is written there may never be committed.
      for (let tries = 1; !isIdle(client); tries++) {
        client.release(true);
        if (tries === MAX_TRIES) {
          throw new Error(
            `pool: expected a connection outside of a transaction, got ${tries} within one; ` +
              'in a transaction of your own use beginIn and completeIn',
          );
        }
        client = await connectTo(pool);
      }
      if (client instanceof EventEmitter && !client.listeners('error').includes(ignore)) client.on('error', ignore);
      return destroyedAfterTrouble(pool, client, answerMs);
    },
  };
}

/** Who cannot tell whether a connection is in a transaction cannot tell either what is committed on it. */
async function connectTo(pool: DatabasePool): Promise<DatabaseClient> {
  const client = await pool.connect();
  try {
    client.getTransactionStatus();
  } catch {
    // It has none, or pg-native has none for it.
    client.release();
    const expected = 'connections with getTransactionStatus, as those of pg since 8.22';
    throw new InvalidArgumentError('pool', expected, undefined, `a ${client.constructor?.name} without it`);
  }
  return client;
}

/**
 * After a time limit of pg the statement is still running on this connection: given back to the pool, the connection
 * would keep its next user waiting. So it is destroyed, and the statement is cancelled, which would otherwise keep running
 * at the server. After an error that is about the connection it is destroyed too: a pool that is never idle would use the
 * connections to a server that is not the primary any more for ever.
 *
 * A transaction of somebody else may begin here after the connection was taken: its `begin` was given up for time and is
 * still before us in the queue, and pg has dropped its rollback. What is written there is never committed, and what is read
 * may be old: then the connection is destroyed too, and the answer with it.
 */
function destroyedAfterTrouble(
  pool: DatabasePool,
  client: DatabaseClient,
  answerMs: number | undefined,
): DatabaseClient {
  let unanswered: string | undefined;
  let isBroken = false;
  let isOurTransaction = false;
  const query: DatabaseClient['query'] = async (statement, values) => {
    const text = typeof statement === 'string' ? statement : statement.text;
    isOurTransaction ||= BEGINS.test(text);
    try {
      const answer = await answerWithin(answerMs, client.query(statement, values));
      if (!isOurTransaction && !isIdle(client)) throw new LeftOpenError();
      return answer;
    } catch (error) {
      isBroken ||= isOfConnection(error);
      if (error instanceof Error && error.message === NO_ANSWER) unanswered = text;
      throw error;
    }
  };
  return {
    ...('processID' in client && { processID: client.processID }),
    query,
    getTransactionStatus: () => client.getTransactionStatus(),
    release(destroy = false) {
      if (unanswered !== undefined) void cancelStatement(pool, client, unanswered);
      client.release(destroy || isBroken || unanswered !== undefined || !isIdle(client));
    },
  };
}

/** How Kysely begins a transaction. It gives the connection back at the end. */
const BEGINS = /^(?:begin|start transaction)\b/;

function isIdle(client: DatabaseClient): boolean {
  return client.getTransactionStatus() === 'I';
}

/** pg gives its error no code. */
const NO_ANSWER = 'Query read timeout';

async function answerWithin<T>(limitMs: number | undefined, answer: Promise<T>): Promise<T> {
  if (limitMs === undefined) return await answer;
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(NO_ANSWER)), limitMs);
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {
  // The query that was running has failed with the same error.
}
