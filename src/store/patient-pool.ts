import type { DatabasePool } from './database.ts';

/** In milliseconds, the longest that a timer can run: 24 days. */
export const WITHOUT_LIMIT_MS: number = 2 ** 31 - 1;

/** The same pool, whose connections wait for an answer however long it takes: for what changes schemas. */
export function patientPool(pool: DatabasePool): DatabasePool {
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect();
      return {
        query: (statement, values) => {
          const query = typeof statement === 'string' ? { text: statement, values } : statement;
          return client.query({ ...query, query_timeout: WITHOUT_LIMIT_MS } as never);
        },
        getTransactionStatus: () => client.getTransactionStatus(),
        release: (destroy) => client.release(destroy),
      };
    },
  };
}
