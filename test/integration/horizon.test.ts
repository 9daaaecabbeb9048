import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startLoad } from '../support/stable-past/load.ts';
import { chooseSeed } from '../support/stable-past/random.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
});
afterEach(async () => await database[Symbol.asyncDispose]());

/** By how much a horizon is behind the database's clock. */
async function lagMs(horizon: string): Promise<number> {
  const { rows } = await database.pool.query<{ lag: number }>(
    `select extract(epoch from sealog.audit_log_clock() - $1)::double precision * 1000 as lag`,
    [horizon],
  );
  return rows[0]!.lag;
}

async function completeOne(): Promise<string> {
  const { id } = await auditLog.begin({ operationId: 'disk_create', actor: { kind: 'system' } });
  await auditLog.complete(id, { kind: 'success' });
  return id;
}

test('under sixteen writers that commit at once the horizon is less than 50 ms behind', async () => {
  await using load = await startLoad({
    url: database.url,
    pool: database.pool,
    seed: chooseSeed(),
    processes: 4,
    rough: false,
    restMs: 30,
  });
  // Other tests may have the processors meanwhile, and then everything is late: one quiet stretch of several will do.
  let figures = await measureLag(40);
  for (let stretch = 2; figures.median >= 50 && stretch <= 12; stretch++) figures = await measureLag(40);
  const { committed, unexpected } = await load.stop();
  console.log(`horizon lag in ms: ${JSON.stringify({ ...figures, completed: committed.size })}`);
  expect(unexpected).toEqual([]);
  expect(committed.size).toBeGreaterThan(200);
  expect(figures.median).toBeLessThan(50);
}, 120_000);

async function measureLag(lists: number): Promise<{ median: number; p99: number }> {
  const lags: number[] = [];
  while (lags.length < lists) {
    const { horizon } = await auditLog.list({ order: 'descending', limit: 10 });
    lags.push(await lagMs(horizon));
    await delay(25);
  }
  lags.sort((one, other) => one - other);
  const at = (fraction: number): number => Math.round(lags[Math.floor(fraction * lists)]! * 10) / 10;
  return { median: at(0.5), p99: at(0.99) };
}

test('one open transaction that has completed an entry holds the horizon, is named, and is ended by the server', async () => {
  const { id: held } = await auditLog.begin({ operationId: 'held', actor: { kind: 'system' } });
  await using client = await connected(database.url);
  const ended = new Promise<unknown>((resolve) => client.once('error', resolve));
  await client.query('begin');
  const { rows: holder } = await client.query<{ pid: number; began: Date }>(
    `update sealog.audit_log set result_kind = 'success' where id = $1
     returning pg_backend_pid() as pid, date_trunc('milliseconds', transaction_timestamp()) as began`,
    [held],
  );
  const first = await auditLog.list();
  const others = [await completeOne(), await completeOne()];
  // Answered at once, and less than there is: nobody waits for the open transaction.
  const page = await auditLog.list();
  expect(page).toMatchObject({ entries: [], horizon: first.horizon, settled: false });
  const { rows } = await database.pool.query('select pid, time_started as began from sealog.audit_log_horizon_holders');
  expect(rows).toEqual(holder);
  expect(await lagMs(page.horizon)).toBeGreaterThan(0);

  await client.query(`set local idle_in_transaction_session_timeout = '300ms'`);
  expect(await ended).toMatchObject({ code: '25P03' });
  await waitUntil('the horizon goes on', async () => (await auditLog.list({ after: page.next })).entries.length === 2);
  const { entries } = await auditLog.list();
  expect(entries.map(({ id }) => id)).toEqual(others);
});

test('an unrelated write transaction of six seconds does not hold the horizon', async () => {
  await database.pool.query('create table other (value integer)');
  await using client = await connected(database.url);
  await client.query('begin; insert into other values (1)');
  let running = true;
  const transaction = client.query('select pg_sleep(6); commit').finally(() => (running = false));
  const lags: number[] = [];
  await waitUntil('the transaction ends', async () => {
    const id = await completeOne();
    const page = await auditLog.list({ order: 'descending', limit: 1 });
    expect(page.entries.map((entry) => entry.id)).toEqual([id]);
    lags.push(await lagMs(page.horizon));
    return !running;
  });
  await transaction;
  expect(lags.length).toBeGreaterThan(10);
  expect(Math.max(...lags)).toBeLessThan(2000);
});

test('followers share what one of them has sealed, and see what comes later all the same', async () => {
  await database.pool.query(`
    create sequence public.seals;
    create function public.sealer_key() returns bigint language sql return -1 - sealog.audit_log_lock_namespace();
    create or replace function sealog.audit_log_sealer_key() returns bigint language plpgsql volatile as
      'begin perform nextval(''public.seals''); return public.sealer_key(); end'`);
  const followers = Array.from({ length: 10 }, () => auditLog.entries({ follow: true }));
  const following = Promise.all(followers.map((follower) => follower.next()));
  following.catch(() => {});
  await delay(3000);
  const { rows } = await database.pool.query<{ last_value: string }>('select last_value from public.seals');
  // Each by itself would have sealed six times.
  expect(Number(rows[0]!.last_value)).toBeLessThan(30);
  const id = await completeOne();
  for (const entry of await following) expect(entry.value).toMatchObject({ id });
  await Promise.all(followers.map((follower) => follower.return(undefined)));
});
