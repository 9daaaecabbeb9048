import pg from 'pg';

/** A connection of its own, for tests that need to know which one they are on. Ended when it is disposed of. */
export async function connected(url: string, applicationName?: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, application_name: applicationName });
  // Some tests have the server end it.
  client.on('error', () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
