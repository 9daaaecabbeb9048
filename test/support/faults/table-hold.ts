import pg from 'pg';

/** A lock on the audit log's table that makes an activation wait in the middle. */
export interface TableHold extends AsyncDisposable {
  /** Whether somebody waits for it. */
  isWaitedFor(): Promise<boolean>;
  release(): Promise<void>;
}

/** The sessions that do. In other databases of the server, which are copies of one, the table has the same oid. */
export const WAITING_FOR_TABLE = `
  select pid from pg_locks
   where relation = 'sealog.audit_log'::regclass and not granted
     and database = (select oid from pg_database where datname = current_database())`;

/** In `share` mode nobody writes, in `access exclusive` nobody reads either. */
export async function holdTable(
  url: string,
  mode: 'share' | 'access exclusive' = 'access exclusive',
): Promise<TableHold> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  await client.query(`begin; lock table sealog.audit_log in ${mode} mode`);
  return {
    async isWaitedFor() {
      const { rowCount } = await client.query(WAITING_FOR_TABLE);
      return (rowCount ?? 0) > 0;
    },
    release: async () => void (await client.query('commit')),
    [Symbol.asyncDispose]: () => client.end(),
  };
}
