import pg from 'pg';

/** The superuser's URL of `database`. It says that there is no TLS, so that a PGSSLMODE of the caller does not matter. */
export function serverUrl(port: number, password: string, database: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/${database}?sslmode=disable`;
}

/** Whether the server on `port` is up and takes our password; if so, the database `sealog` exists afterwards. */
export async function tryConnect(port: number, password: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString: serverUrl(port, password, 'postgres'),
    connectionTimeoutMillis: 5000,
  });
  // A server that goes down meanwhile must not end the keeper: the failed statement tells it.
  client.on('error', () => {});
  try {
    await client.connect();
    const { rowCount } = await client.query(`select from pg_database where datname = 'sealog'`);
    if (rowCount === 0) await client.query('create database sealog');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
