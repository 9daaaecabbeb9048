import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { auditLogDatabase } from '../../src/store/database.ts';
import { readCutoff } from '../../src/store/read-cutoff.ts';
import { timeoutStaleEntries } from '../../src/store/timeout-stale-entries.ts';
import { createDatabase } from '../support/database.ts';

test('the statement of the job finds 10 incomplete entries among 100,000 completed ones by the partial index', async () => {
  await using database = await createDatabase();
  await database.pool.query(`
    insert into sealog.audit_log (time_started, operation_id, actor_kind)
    select now() - interval '2 days' + n * interval '1 s', 'bulk', 'system' from generate_series(1, 100010) n`);
  await database.pool.query(`
    update sealog.audit_log set result_kind = 'success'
     where id not in (select id from sealog.audit_log order by time_started desc limit 10)`);
  await database.pool.query('vacuum analyze sealog.audit_log');

  const { statements, pool } = explaining(database.pool);
  const log = auditLogDatabase(pool, 'sealog');
  const cutoff = await readCutoff(log, 60);
  expect(await timeoutStaleEntries(log, { cutoff, limit: 1000 })).toMatchObject({ timedOut: 10 });

  const plan = statements.join('\n');
  expect(plan).toMatch(/Index (Only )?Scan using audit_log_incomplete_by_time_started/);
  // The cutoff bounds the scan of the index; it is not a filter behind it.
  expect(plan).toMatch(/Index Cond: \(time_started < /);
  expect(plan).not.toMatch(/Seq Scan on audit_log/);
});

/** A pool that explains every `with` statement, as it is sent, before it runs it. */
function explaining(pool: pg.Pool): { statements: string[]; pool: pg.Pool } {
  const statements: string[] = [];
  const connect = async () => {
    const client = await pool.connect();
    const query = async (text: string, values: unknown[]) => {
      if (text.startsWith('with ')) {
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
        statements.push(...rows.map((row) => row['QUERY PLAN']));
      }
      return await client.query(text, values);
    };
    return { query, release: () => client.release() };
  };
  return { statements, pool: { connect, end: async () => {}, options: {} } as unknown as pg.Pool };
}
