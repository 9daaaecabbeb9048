import { EventEmitter } from 'node:events';
import { Kysely, PostgresDialect, type PostgresPool } from 'kysely';
import { cancelStatement } from './cancel-statement.ts';
import { isOfConnection } from './errors.ts';
import type { Tables } from './tables.ts';

/** A `pg.Pool`, or anything of its shape. */
export interface DatabasePool {
  readonly options: object;
  connect(): Promise<DatabaseClient>;
  end(): Promise<void>;
}

/** A connection of a {@link DatabasePool}, in use until it is released. */
export interface DatabaseClient {
  query(statement: string | Statement, values?: readonly unknown[]): Promise<{ readonly rows: unknown[] }>;
  release(destroy?: boolean): void;
}

/** A statement of which more is said than its text. */
export interface Statement {
  /** The connection keeps it prepared under this name. */
  readonly name?: string;
  readonly text: string;
  readonly values: unknown[];
  /** How long the answer may take, in milliseconds. */
  readonly query_timeout?: number;
}

/** The audit log in one database: the statements of this room take it first. In a transaction `db` is that one. */
export interface AuditLogDatabase {
  readonly db: Kysely<Tables>;
  readonly schema: string;
}

export function auditLogDatabase(pool: DatabasePool, schema: string): AuditLogDatabase {
  return databaseOn(guarded(pool), schema);
}

/** How long any answer may take, in milliseconds, on a pool that does not say. */
const ANSWER_MS = 30_000;

/** The same on connections that are {@link guarded} already. */
export function databaseOn(connections: DatabasePool, schema: string, answerMs: number = ANSWER_MS): AuditLogDatabase {
  const pool = limited(connections, answerMs) as PostgresPool;
  return { db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema(schema), schema };
}

/** A `pg.Pool` waits for ever for a server that says nothing, and each call that waits keeps a connection from writers. */
function limited(connections: DatabasePool, answerMs: number): DatabasePool {
  if ((connections.options as { query_timeout?: number }).query_timeout) return connections;
  return {
    ...connections,
    async connect() {
      const client = await connections.connect();
      return {
        ...client,
        query: (statement: string | Statement, values?: readonly unknown[]) =>
          typeof statement === 'string'
            ? client.query({ text: statement, values: [...(values ?? [])], query_timeout: answerMs })
            : client.query(statement, values),
      };
    },
  };
}

/**
 * A connection that breaks while it is in use emits an error too, beside failing its query, and a pool listens only to
 * idle ones: without a listener of our own that would end the process, at the first restart of the database.
 */
export function guarded(pool: DatabasePool): DatabasePool {
  return {
    ...('Client' in pool && { Client: pool.Client }),
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect();
      if (client instanceof EventEmitter && !client.listeners('error').includes(ignore)) client.on('error', ignore);
      return destroyedAfterTrouble(pool, client);
    },
  };
}

/**
 * After a time limit of pg the statement is still running on this connection: given back to the pool, the connection
 * would keep its next user waiting. So it is destroyed, and the statement is cancelled, which would otherwise keep running
 * at the server. After an error that is about the connection it is destroyed too: a pool that is never idle would use the
 * connections to a server that is not the primary any more for ever.
 */
function destroyedAfterTrouble(pool: DatabasePool, client: DatabaseClient): DatabaseClient {
  let unanswered: string | undefined;
  let isBroken = false;
  const query: DatabaseClient['query'] = async (statement, values) => {
    try {
      return await client.query(statement, values);
    } catch (error) {
      isBroken ||= isOfConnection(error);
      if (error instanceof Error && error.message === 'Query read timeout') {
        unanswered = typeof statement === 'string' ? statement : statement.text;
      }
      throw error;
    }
  };
  return {
    ...('processID' in client && { processID: client.processID }),
    query,
    release(destroy = false) {
      if (unanswered !== undefined) void cancelStatement(pool, client, unanswered);
      client.release(destroy || isBroken || unanswered !== undefined);
    },
  };
}

function ignore(): void {
  // The query that was running has failed with the same error.
}
