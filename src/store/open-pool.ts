// Apart from the types of the pools, which are published: a service that has no @types/pg must be able to read those.
import pg from 'pg';

export interface PoolOptions {
  readonly connectionString: string;
  /** Most connections. */
  readonly max: number;
  /** Shown in `pg_stat_activity`, at most 63 bytes. */
  readonly applicationName: string;
  /** How long an answer may take. Default 30 s. */
  readonly queryTimeoutMs?: number;
  readonly onError: (error: Error) => void;
}

/** A pool that notices a dead server: keepalive on each connection, and no query waits for its answer for ever. */
export function openPool(options: PoolOptions): pg.Pool {
  const { connectionString, max, applicationName, queryTimeoutMs = 30_000, onError } = options;
  const pool = new pg.Pool({
    connectionString,
    max,
    application_name: applicationName,
    keepAlive: true,
    // The first probe would otherwise come after two hours.
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    query_timeout: queryTimeoutMs,
  });
  // An idle connection that the server closes emits an error on the pool, and one without a listener ends the process.
  pool.on('error', (error: Error & { client?: unknown }) => {
    // pg puts the whole connection into its error, password included.
    delete error.client;
    onError(error);
  });
  return pool;
}
