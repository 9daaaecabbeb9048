import pg from 'pg';

/** A connection of its own, for tests that need to know which one they are on. Ended when it is disposed of. */
export async function connected(url: string, applicationName?: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, application_name: applicationName });
  // Some tests have the server end it.
  client.on('error', () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/**
 * A pool of a test's own. When its database is dropped by force, a connection may be ended that the pool has let go of but
 * the server has not, and a pool without a listener would end the process.
 */
export function testPool(options: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(options);
  pool.on('error', () => {});
  return pool;
}
