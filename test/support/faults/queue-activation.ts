import type { Pool } from 'pg';
import { withClient } from '../../../src/worker/boss.ts';
import { recordingLogger } from '../recording-logger.ts';
import { waitUntil } from '../wait.ts';

/** Asks for one activation, as `sealog activate` does, and returns the id of the waiting job at once. */
export async function queueActivation(pool: Pool): Promise<string> {
  const queue = { pool, schema: 'pgboss', auditLogSchema: 'sealog', logger: recordingLogger(), instanceName: 'test' };
  return await withClient(queue, async (boss) => {
    for (;;) {
      const id = await boss.send('audit-timeout', { trigger: 'manual' });
      if (id !== null) return id;
      // One is waiting already, unless it has been taken meanwhile.
      const { rows } = await pool.query<{ id: string }>(
        `select id from pgboss.job where name = 'audit-timeout' and state = 'created'`,
      );
      if (rows[0]) return rows[0].id;
    }
  });
}

/** Waits until no activation runs or waits. */
export async function untilIdle(pool: Pick<Pool, 'query'>, timeoutMs = 60_000): Promise<void> {
  await waitUntil(
    'no activation runs or waits',
    async () => {
      const { rowCount } = await pool.query(
        `select from pgboss.job where name = 'audit-timeout' and state in ('created', 'retry', 'active')`,
      );
      return rowCount === 0;
    },
    timeoutMs,
  );
}

export async function untilCompleted(pool: Pick<Pool, 'query'>, id: string, timeoutMs = 60_000): Promise<void> {
  await waitUntil(
    `activation ${id} is completed`,
    async () => {
      const { rowCount } = await pool.query(`select from pgboss.job where id = $1 and state = 'completed'`, [id]);
      return rowCount === 1;
    },
    timeoutMs,
  );
}
