import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { testPool } from '../support/connection.ts';
import { createAuditLog } from '../../src/index.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

test.each(['repeatable read', 'serializable'])(
  'the log is written and read where the default is %s',
  async (isolation) => {
    await database.pool.query(`alter database ${database.name} set default_transaction_isolation = '${isolation}'`);
    const pool = testPool({ connectionString: database.url });
    const log = createAuditLog({ pool });
    const { id } = await log.begin({ operationId: 'a', actor: { kind: 'system' } });
    await log.complete(id, { kind: 'success' });
    const page = await log.list();
    expect(page.entries).toMatchObject([{ id }]);
    // Published, so that those who may not write see it too.
    await pool.query(`alter database ${database.name} set default_transaction_read_only = on`);
    const readOnly = testPool({ connectionString: database.url });
    const seen = await createAuditLog({ pool: readOnly }).list();
    expect(seen).toMatchObject({ entries: page.entries, horizon: page.horizon });
    await Promise.all([pool.end(), readOnly.end()]);
  },
);

test('a role that may insert, update and select begins and completes', async () => {
  const role = `service_${database.name}`;
  await database.pool.query(`create role ${role} login password 'p'`);
  await database.pool.query(
    `grant usage on schema sealog to ${role}; grant insert, update, select on sealog.audit_log to ${role}`,
  );
  const url = new URL(database.url);
  [url.username, url.password] = [role, 'p'];
  const log = createAuditLog({ connectionString: url.href });
  const { id } = await log.begin({ operationId: 'a', actor: { kind: 'system' } });
  expect(await log.complete(id, { kind: 'success' })).toMatchObject({ status: 'completed' });
  await log[Symbol.asyncDispose]();
  await database.pool.query(`drop owned by ${role}; drop role ${role}`);
});

test('a follower with a filter that nothing passes does not read the same entries again', async () => {
  // A small table would be read whole whatever is asked.
  await database.pool.query(`alter database ${database.name} set enable_seqscan = off`);
  const pool = testPool({ connectionString: database.url });
  const auditLog = createAuditLog({ pool });
  await complete(500);
  let { next } = await auditLog.list({ operationId: 'none' });
  const before = await rowsRead();
  for (let n = 0; n < 10; n++) ({ next } = await auditLog.list({ after: next }));
  expect((await rowsRead()) - before).toBeLessThan(500);
  await complete(1, 'none');
  expect((await auditLog.list({ after: next })).entries).toHaveLength(1);
  await pool.end();

  async function rowsRead(): Promise<number> {
    // Asked on the connection that read: it tells the others now and then only.
    await pool.query('select pg_stat_force_next_flush()');
    const { rows } = await pool.query(
      `select idx_tup_fetch + seq_tup_read as n from pg_stat_user_tables where relname = 'audit_log'`,
    );
    return Number(rows[0].n);
  }
});

async function complete(entries: number, operationId = 'other'): Promise<void> {
  const begun = Array.from({ length: entries }, () => ({ operationId, startedMinutesAgo: 5 }));
  const ids = await insertEntries(database.pool, begun);
  await database.pool.query(`update sealog.audit_log set result_kind = 'success' where id = any($1)`, [ids]);
}
