import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { replaceClock } from '../support/clock.ts';
import { connected, testPool } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startReplica } from '../support/replica.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
});
afterEach(async () => await database[Symbol.asyncDispose]());

async function completeOne(): Promise<string> {
  const { id } = await auditLog.begin({ operationId: 'published', actor: { kind: 'system' } });
  await auditLog.complete(id, { kind: 'success' });
  return id;
}

/** Completes an entry and waits until a reader that can seal nothing sees it, while others list. */
async function expectToReachReaders(): Promise<void> {
  const pool = testPool({ connectionString: database.url, options: '-c default_transaction_read_only=on' });
  try {
    const reader = createAuditLog({ pool });
    const id = await completeOne();
    await waitUntil('the entry is published', async () => {
      await auditLog.list();
      const { entries } = await reader.list({ limit: 10_000 });
      return entries.some((entry) => entry.id === id);
    });
  } finally {
    await pool.end();
  }
}

test('sessions that sealed and stay in their transactions keep no other from publishing', async () => {
  await using one = await connected(database.url);
  await using two = await connected(database.url);
  for (const idle of [one, two]) {
    await idle.query('begin');
    await idle.query('select sealog.audit_log_seal()');
    await expectToReachReaders();
  }
  for (const idle of [one, two]) await idle.query('rollback');
  // What was inserted beside the rows that they had locked goes with the next publication.
  await expectToReachReaders();
  const { rows } = await database.pool.query('select from sealog.audit_log_published');
  expect(rows).toHaveLength(2);
});

test('the horizon is published while the clock is behind it', async () => {
  await completeOne();
  await replaceClock(database.pool, `clock_timestamp() + interval '1 hour'`);
  await auditLog.list();
  await replaceClock(database.pool, 'clock_timestamp()');
  await expectToReachReaders();
});

const SET_BACK = `update sealog.audit_log_published set time_published = now() + interval '1 hour'
                   where id = (select max(id) from sealog.audit_log_published)`;

test.each([
  ['', 'select'],
  [', while one is as of before the clock was set back', SET_BACK],
])(
  'many seals under an old snapshot publish once in 500 ms when the row has bloated%s, and no more rows are left than before',
  async (_while, prepare) => {
    await database.pool.query(prepare);
    await using old = await connected(database.url);
    await old.query('begin isolation level repeatable read; select 1');
    await using sealer = await connected(database.url);
    const versions = async () => {
      const { rows } = await sealer.query<{ pages: number; rows: number; published: string; now: string }>(
        `select pg_relation_size('sealog.audit_log_published')::integer / 8192 as pages,
              (select count(*)::integer from sealog.audit_log_published) as rows,
              (select max(time_published)::text from sealog.audit_log_published) as published,
              extract(epoch from clock_timestamp()) * 1000 as now`,
      );
      return rows[0]!;
    };
    await waitUntil('the row has bloated', async () => {
      await sealer.query(
        `do $$ begin for n in 1 .. 100 loop perform sealog.audit_log_seal(); commit; end loop; end $$`,
      );
      return (await versions()).pages > 8;
    });
    const published = new Set<string>();
    const before = await versions();
    for (let seal = 0; seal < 1000; seal++) {
      const { rows } = await sealer.query<{ at: string }>(
        `select sealog.audit_log_seal(), (select max(time_published) filter (where time_published < clock_timestamp())::text
                                          from sealog.audit_log_published) as at`,
      );
      published.add(rows[0]!.at);
    }
    const after = await versions();
    expect(published.size).toBeLessThanOrEqual(2 + (Number(after.now) - Number(before.now)) / 500);
    expect(after.rows).toBe(2);
  },
);

test('a publication of all tables keeps nobody from listing, sealing, completing and activating', async () => {
  await database.pool.query('create publication everything for all tables');
  await using replica = await startReplica(database.url);
  const id = await completeOne();
  const { entries } = await auditLog.list();
  expect(entries.map((entry) => entry.id)).toEqual([id]);
  expect((await replica.activate()).state).toBe('completed');
  expect(replica.logger.withEvent('check-in.error')).toEqual([]);
  expect(replica.logger.withEvent('queue.error')).toEqual([]);
});
