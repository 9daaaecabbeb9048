import type pg from 'pg';

/** A pool that explains every update, or what else `which` says, as it is sent, before it runs it. */
export function explaining(
  pool: pg.Pool,
  which: RegExp = /^(?:with|update) /,
): { statements: string[]; pool: pg.Pool } {
  const statements: string[] = [];
  const connect = async () => {
    const client = await pool.connect();
    const query = async (text: string, values: unknown[]) => {
      if (which.test(text)) {
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
        statements.push(...rows.map((row) => row['QUERY PLAN']));
      }
      return await client.query(text, values);
    };
    const getTransactionStatus = () => client.getTransactionStatus();
    return { query, getTransactionStatus, release: () => client.release() };
  };
  return { statements, pool: { connect, end: async () => {}, options: {} } as unknown as pg.Pool };
}
