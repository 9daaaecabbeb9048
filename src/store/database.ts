import { EventEmitter } from 'node:events';
import { Kysely, PostgresDialect, type PostgresPool } from 'kysely';
import { cancelStatement } from './cancel-statement.ts';
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
  const kysely = (from: DatabasePool) =>
    new Kysely<Tables>({ dialect: new PostgresDialect({ pool: from as PostgresPool }) }).withSchema(schema);
  return { db: kysely(connections), patient: kysely(patientPool(connections)), schema };
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
      return withoutDeafOnes(pool, client);
    },
  };
}

/**
 * A connection that gave no answer in time is still waiting for it: given back as it is, it would be handed out again,
 * and keep the next one waiting as well, for as long as TCP takes to find out that nobody is there. And what it waits for
 * would wait on at the server, without a client.
 */
function withoutDeafOnes(pool: DatabasePool, client: DatabaseClient): DatabaseClient {
  let unanswered: string | undefined;
  const query: DatabaseClient['query'] = async (statement, values) => {
    try {
      return await client.query(statement, values);
    } catch (error) {
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
      client.release(destroy || unanswered !== undefined);
    },
  };
}

function ignore(): void {
  // The query that was running has failed with the same error.
}
