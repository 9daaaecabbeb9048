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
  /**
   * Whether names are read from `pg_catalog` only: for a role that owns more than others may run. In a schema of the role's
   * search path, anybody who may create there can make a function that PostgreSQL prefers to its own.
   */
  readonly pinsSearchPath?: boolean;
  /** How long a connection is used. Default: without end. */
  readonly maxLifetimeSeconds?: number;
}

const CONNECT_MS = 10_000;
const PINNED = 'pg_catalog,pg_temp';
const POOLED =
  'expected a connection to PostgreSQL itself, got one through a pooler, which would hand the search path of this session ' +
  'to others: give the address of the server in DATABASE_URL';
// How pg reads instants, and how pg-boss and these statements write texts.
const FORMS = 'set datestyle to iso; set standard_conforming_strings to on';

/** A pool that notices a dead server: keepalive on each connection, and no query waits for its answer for ever. */
export function openPool(options: PoolOptions): pg.Pool {
  const {
    connectionString,
    max,
    applicationName,
    queryTimeoutMs = 30_000,
    onError,
    pinsSearchPath = false,
    maxLifetimeSeconds = 0,
  } = options;
  // The types of pg do not know the limit.
  const session: pg.QueryConfig & { query_timeout: number } = {
    text: FORMS,
    query_timeout: CONNECT_MS,
  };
  const pool = new pg.Pool({
    connectionString: pinsSearchPath ? withPinnedPath(connectionString) : connectionString,
    max,
    application_name: applicationName,
    keepAlive: true,
    // The first probe would otherwise come after two hours.
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: queryTimeoutMs,
    maxLifetimeSeconds,
    // pg reads instants in this form only, and answers null for any other, without an error. A pooler keeps these settings
    // apart for each of its clients, unlike others: so the search path is pinned only where it has to be.
    onConnect: async (client) => {
      if (pinsSearchPath && !(await isPinned(client, CONNECT_MS))) throw pooledError();
      await client.query(session);
    },
  });
  // An idle connection that the server closes emits an error on the pool, and one without a listener ends the process.
  pool.on('error', (error: Error & { client?: unknown }) => {
    // pg puts the whole connection into its error, password included.
    delete error.client;
    onError(error);
  });
  return pool;
}

/** Of a pooler that ignores the search path, and instead of what one says that refuses it. */
export function pooledError(): Error {
  return new Error(POOLED);
}

/** By the packet that starts the session, which a pooler refuses or ignores: it hands on nothing. */
function withPinnedPath(connectionString: string): string {
  const url = new URL(connectionString);
  const options = [url.searchParams.get('options'), `-c search_path=${PINNED}`];
  url.searchParams.set('options', options.filter(Boolean).join(' '));
  return url.href;
}

async function isPinned(client: pg.ClientBase, limitMs: number): Promise<boolean> {
  const statement = { text: "select pg_catalog.current_setting('search_path') as path", query_timeout: limitMs };
  const { rows } = await client.query<{ path: string }>(statement);
  return rows[0]!.path.replaceAll(/[" ]/g, '') === PINNED;
}
