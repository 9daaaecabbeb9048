import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { createAuditLog, type Order } from '../../src/index.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { listAs } from '../../src/list.ts';
import { readCutoff } from '../../src/store/read-cutoff.ts';
import { toEntry } from '../../src/store/select-entries.ts';
import { timeoutStaleEntries } from '../../src/store/timeout-stale-entries.ts';
import { createDatabase } from '../support/database.ts';
import { explaining } from '../support/explaining.ts';

test('the statement of the job finds 10 incomplete entries among 20,000 completed ones by the partial index', async () => {
  await using database = await createDatabase();
  await database.pool.query(`
    insert into sealog.audit_log (time_started, operation_id, actor_kind)
    select now() - interval '2 days' + n * interval '1 s', 'bulk', 'system' from generate_series(1, 20010) n`);
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

test('the statistics of the planner, which any reader may use, hold nothing of what entries say', async () => {
  await using database = await createDatabase();
  await database.pool.query(`
    insert into sealog.audit_log (operation_id, actor_kind, actor_id, tenant_id, details)
    select 'bulk', 'user', 'u' || n % 3, 't' || n % 3, '{"a": 1}' from generate_series(1, 1000) n`);
  await database.pool.query('analyze sealog.audit_log');
  const { rows } = await database.pool.query<{ attname: string }>(
    `select attname from pg_stats where schemaname = 'sealog' and tablename = 'audit_log' order by attname`,
  );
  expect(rows.map(({ attname }) => attname)).toEqual(['amends', 'id', 'result_kind', 'time_completed', 'time_started']);
});

test.each(['ascending', 'descending'] satisfies Order[])(
  'a page with a filter that no entry passes is one ordered range scan after the other, %s',
  async (order) => {
    await using database = await createDatabase();
    await database.pool.query(`
      insert into sealog.audit_log (operation_id, actor_kind, tenant_id)
      select 'bulk', 'system', 't' || n % 10 from generate_series(1, 40000) n`);
    await database.pool.query(`update sealog.audit_log set result_kind = 'success'`);
    await database.pool.query('vacuum analyze sealog.audit_log');
    const { from } = await bounds(database.pool);

    const { statements, pool } = explaining(database.pool, /endsStretch/);
    const { more } = await listAs(
      auditLogDatabase(pool, 'sealog'),
      { order, from, tenantId: 'none' },
      { form: toEntry, scanMs: 60_000 },
    );
    expect(more).toBe(false);

    const plans = statements.join('\n').split(/(?=^Limit)/m);
    expect(plans.length).toBeGreaterThan(4);
    const direction = order === 'ascending' ? '' : 'Backward ';
    expect(plans.slice(1).filter((plan) => !/Index Cond: .*ROW\(time_completed, id\) [<>] ROW\(/.test(plan))).toEqual(
      [],
    );
    for (const plan of plans) {
      expect(plan.match(/ Scan /g)).toHaveLength(2);
      expect(plan).toMatch(`Index Scan ${direction}using audit_log_completed_by_time_completed on audit_log`);
      // The filter is outside of the scan, on what it found.
      expect(plan).toMatch(/Subquery Scan on entry.*\n +Filter: /);
      expect(plan).not.toMatch(/Sort|Seq Scan/);
    }
  },
);

async function bounds(pool: pg.Pool): Promise<{ from: string }> {
  const { rows } = await pool.query<{ from: string }>(
    `select to_char(min(time_completed) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as from
       from sealog.audit_log_complete`,
  );
  return rows[0]!;
}
