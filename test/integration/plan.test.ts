import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { createAuditLog } from '../../src/index.ts';
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
  expect(plan).toMatch(/Index Cond: \(time_started > /);
  expect(plan).not.toMatch(/Seq Scan on audit_log/);
});

// A crash leaves a hundred thousand in a log of which, by its statistics, none is incomplete, and that is vacuumed seldom.
test('an entry is completed and timed out by the primary key, when nothing tells how many are incomplete', async () => {
  await using database = await createDatabase();
  const begin = (entries: number) =>
    database.pool.query(`
      insert into sealog.audit_log (time_started, operation_id, actor_kind)
      select now() - interval '2 days' + n * interval '1 s', 'bulk', 'system' from generate_series(1, ${entries}) n`);
  await begin(5000);
  await database.pool.query(`update sealog.audit_log set result_kind = 'success'`);
  await database.pool.query('vacuum analyze sealog.audit_log');
  await begin(5000);

  const { statements, pool } = explaining(database.pool);
  const log = auditLogDatabase(pool, 'sealog');
  const { rows } = await database.pool.query<{ id: string }>(
    'select id from sealog.audit_log where time_completed is null order by time_started desc limit 1',
  );
  expect(await createAuditLog({ pool }).complete(rows[0]!.id, { kind: 'success' })).toMatchObject({
    status: 'completed',
  });
  expect(await timeoutStaleEntries(log, { cutoff: await readCutoff(log, 60), limit: 1000 })).toMatchObject({
    timedOut: 1000,
  });

  const [complete, timeOut] = statements.join('\n').split('CTE stale');
  expect(complete).toMatch(/Index Scan using audit_log_pkey/);
  expect(timeOut).toMatch(/Index Scan using audit_log_pkey on audit_log entry/);
  // To find them: those that are old, and those that are ahead of the clock.
  expect(timeOut!.match(/audit_log_incomplete_by_time_started/g)).toHaveLength(2);
});

/** A pool that explains every update, as it is sent, before it runs it. */
function explaining(pool: pg.Pool): { statements: string[]; pool: pg.Pool } {
  const statements: string[] = [];
  const connect = async () => {
    const client = await pool.connect();
    const query = async (text: string, values: unknown[]) => {
      if (/^(?:with|update) /.test(text)) {
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
        statements.push(...rows.map((row) => row['QUERY PLAN']));
      }
      return await client.query(text, values);
    };
    return { query, release: () => client.release() };
  };
  return { statements, pool: { connect, end: async () => {}, options: {} } as unknown as pg.Pool };
}
