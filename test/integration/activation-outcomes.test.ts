import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { limitOfAttempt } from '../../src/jobs/job.ts';
import { inTransaction } from '../../src/store/transaction.ts';
import { withClient } from '../../src/worker/boss.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { startReplica, type TestReplica } from '../support/replica.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';
import { TIMINGS } from '../../src/worker/timings.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

const job = 'audit-timeout';
const ask = (replica: TestReplica) => withClient(replica.queue, (boss) => boss.send(job, { trigger: 'schedule' }));

describe('an activation whose COMMIT is not answered', () => {
  let proxy: TcpProxy;
  beforeEach(async () => void (proxy = await startProxy(database.url)));
  afterEach(async () => await proxy[Symbol.asyncDispose]());
  // As Kysely sends it; pg-boss's own transactions are in capitals.
  const COMMIT = /^Q....commit\0$/s;

  /** The events and levels of an activation's log lines, from now on, until one that ends it. */
  async function linesOf(replica: TestReplica, moment: 'before' | 'after') {
    await replica.startup();
    await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
    const lines = () => replica.logger.lines.filter(({ event }) => String(event).startsWith(`${job}.activation`));
    const before = lines().length;
    const cut = proxy.cutAt(moment, COMMIT);
    await ask(replica);
    await cut;
    await waitUntil('the outcome is logged', () =>
      lines()
        .slice(before)
        .some(({ timedOut }) => timedOut === 1),
    );
    return lines().slice(before);
  }

  test('and that has committed is logged as uncertain, and then as what it did', async () => {
    await using replica = await startReplica(proxy.url, { SEALOG_INSTANCE_NAME: 'worker-1' });
    const lines = await linesOf(replica, 'after');
    expect(lines).toMatchObject([
      { level: 'warn', event: 'audit-timeout.activation-uncertain', by: 'worker-1', trigger: 'schedule' },
      {
        level: 'warn',
        event: 'audit-timeout.activation',
        by: 'worker-1',
        timedOut: 1,
        sampleIds: [expect.any(String)],
      },
    ]);
    const { rows } = await database.pool.query(
      `select retry_count from pgboss.job where name = $1 and output->>'timedOut' = '1' and state = 'completed'`,
      [job],
    );
    expect(rows).toEqual([{ retry_count: 0 }]);
  });

  test('and that has not committed is logged as uncertain, as failed, and done again', async () => {
    await using replica = await startReplica(proxy.url, { SEALOG_INSTANCE_NAME: 'worker-1' });
    const lines = await linesOf(replica, 'before');
    expect(lines).toMatchObject([
      { level: 'warn', event: 'audit-timeout.activation-uncertain' },
      { level: 'error', event: 'audit-timeout.activation', message: expect.stringContaining('changed nothing') },
      { level: 'warn', event: 'audit-timeout.activation', timedOut: 1 },
    ]);
  });
});

describe('an activation that fails while another one waits for its next attempt', () => {
  test('is given up by pg-boss, and the other one is the answer to who asked for it', async () => {
    await using replica = await startReplica(database.url);
    await replica.startup();
    await database.pool.query(`alter table sealog.audit_log rename to gone`);
    // As a failed attempt leaves it, with its next one later than this test needs.
    await database.pool.query(`
      insert into pgboss.job (name, state, policy, retry_limit, retry_count, start_after, output, heartbeat_seconds)
      values ('audit-timeout', 'retry', 'stately', 5, 1, now() + interval '55 seconds', '{"message": "no"}', 10)`);
    const asked = replica.activate();
    const failed = async () => {
      const { rows } = await database.pool.query<{ retry_count: number }>(
        `select retry_count from pgboss.job where name = 'audit-timeout' and state = 'failed'`,
      );
      return rows;
    };
    await waitUntil('it is given up', async () => (await failed()).length > 0);
    // At its first attempt: pg-boss keeps one of each state.
    expect(await failed()).toEqual([{ retry_count: 0 }]);
    await database.pool.query(`alter table sealog.gone rename to audit_log`);
    await database.pool.query(`update pgboss.job set start_after = now() where state = 'retry'`);
    expect(await asked).toMatchObject({ state: 'completed', error: null });
  });
});

describe('the limit of an activation', () => {
  test('is halved, and one at least', () => {
    const limits = [0, 1, 2, 5].map((halvings) => limitOfAttempt(1000, { halvings }));
    expect(limits).toEqual([1000, 500, 250, 31]);
    expect(limitOfAttempt(3, { halvings: 5 })).toBe(1);
  });

  // As pg-boss keeps what the attempt before ended with.
  const lost = { value: { message: 'job heartbeat timeout' } };
  test.each([
    ['its statement took too long', { name: 'error', message: 'canceling statement', code: '57014' }, 2],
    ['it took too long in all', { value: { message: 'job timed out' } }, 2],
    ['its replica was lost', lost, 4],
  ])('is in the outcome of the second attempt, when %s, and what is left is drained', async (_, output, limit) => {
    await using replica = await startReplica(database.url, { SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '4' });
    await replica.startup();
    await insertEntries(
      database.pool,
      Array.from({ length: 5 }, () => ({ startedMinutesAgo: 600 })),
    );
    await database.pool.query(
      `insert into pgboss.job (name, state, policy, retry_limit, retry_count, started_on, data, output, heartbeat_seconds)
       values ('audit-timeout', 'retry', 'stately', 5, 0, now(), '{"trigger": "schedule"}', $1, 10)`,
      [output],
    );
    const lines = () => replica.logger.withEvent('audit-timeout.activation').filter(({ timedOut }) => timedOut !== 0);
    await waitUntil('both are logged', () => lines().length === 2);
    expect(lines().map(({ trigger, limit: used, timedOut }) => [trigger, used, timedOut])).toEqual([
      ['schedule', limit, limit],
      ['backlog', 4, 5 - limit],
    ]);
  });
});

test("a time limit of the role's does not end an activation's transaction", async () => {
  await database.pool.query(`
    do $$ begin
      execute format('alter database %I set statement_timeout = ''1s''', current_database());
      execute format('alter database %I set lock_timeout = ''1s''', current_database());
      execute format('alter database %I set idle_in_transaction_session_timeout = ''1s''', current_database());
      if current_setting('server_version_num')::integer >= 170000 then
        execute format('alter database %I set transaction_timeout = ''1s''', current_database());
      end if;
    end $$`);
  await using replica = await startReplica(database.url);
  await replica.startup();
  const settings = await inTransaction(replica.database, TIMINGS.transaction, async ({ db }) => {
    const { rows } = await sql<{ name: string; setting: string }>`
      select name, setting from pg_settings where name in ('statement_timeout', 'lock_timeout',
             'idle_in_transaction_session_timeout', 'transaction_timeout')`.execute(db);
    return Object.fromEntries(rows.map(({ name, setting }) => [name, Number(setting)]));
  });
  expect(settings).toMatchObject({
    statement_timeout: 60_000,
    lock_timeout: 5000,
    idle_in_transaction_session_timeout: 5000,
  });
  expect([undefined, 120_000]).toContain(settings['transaction_timeout']);
});
