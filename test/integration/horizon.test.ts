import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { replaceClock } from '../support/clock.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startLoad } from '../support/stable-past/load.ts';
import { chooseSeed } from '../support/stable-past/random.ts';
import { waitForWork, waitUntil } from '../support/wait.ts';

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

// How far it is behind is measured by bench/horizon.ts.
test('under sixteen writers that commit at once the horizon comes past each instant', async () => {
  const options = {
    url: database.url,
    pool: database.pool,
    seed: chooseSeed(),
    processes: 4,
    rough: false,
    restMs: 30,
  };
  await using load = await startLoad(options);
  for (let n = 0; n < 40; n++) {
    const { rows } = await database.pool.query<{ now: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
    );
    await waitUntil('the horizon is past the instant', async () => {
      const { horizon } = await auditLog.list({ order: 'descending', limit: 10 });
      return horizon > rows[0]!.now;
    });
  }
  const isEnough = () => load.commits() > 200;
  await waitForWork('they write', isEnough, () => load.commits());
  expect((await load.stop()).unexpected).toEqual([]);
});

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

test('an unrelated write transaction does not hold the horizon, however long it is open', async () => {
  await database.pool.query('create table other (value integer)');
  await using client = await connected(database.url);
  await client.query('begin; insert into other values (1)');
  const began = (await client.query<{ began: Date }>('select now() as began')).rows[0]!.began;
  for (let n = 0; n < 12; n++) {
    const id = await completeOne();
    const page = await auditLog.list({ order: 'descending', limit: 1 });
    expect(page.entries.map((entry) => entry.id)).toEqual([id]);
    expect(new Date(page.horizon) > began).toBe(true);
  }
  await client.query('commit');
});

test('followers share what one of them has sealed, and see what comes later all the same', async () => {
  // One instant, at which somebody has sealed; and 400 ms later for the followers, who are content with 500.
  const { rows } = await database.pool.query<{ now: Date }>('select clock_timestamp() as now');
  const at = (ms: number) => `timestamptz '${new Date(rows[0]!.now.getTime() + ms).toISOString()}'`;
  await replaceClock(database.pool, at(0));
  await auditLog.list();
  await database.pool.query(`
    create sequence public.seals;
    create sequence public.polls;
    create function public.sealer_key() returns bigint language sql return -1 - sealog.audit_log_lock_namespace();
    create or replace function sealog.audit_log_sealer_key() returns bigint language plpgsql volatile as
      'begin perform nextval(''public.seals''); return public.sealer_key(); end'`);
  await replaceClock(database.pool, `case when nextval('public.polls') > 0 then ${at(400)} end`);
  const followers = Array.from({ length: 10 }, () => auditLog.entries({ follow: true }));
  const following = Promise.all(followers.map((follower) => follower.next()));
  following.catch(() => {});
  const timesOf = async (sequence: 'polls' | 'seals'): Promise<number> => {
    const { rows: counted } = await database.pool.query<{ times: string }>(
      `select case when is_called then last_value else 0 end as times from public.${sequence}`,
    );
    return Number(counted[0]!.times);
  };
  // Each asks for the clock twice to know whether that is recent enough.
  await waitUntil('each has looked for more a few times', async () => (await timesOf('polls')) > 10 * 2 * 4);
  expect(await timesOf('seals')).toBe(0);

  await replaceClock(database.pool, 'clock_timestamp()');
  const id = await completeOne();
  for (const entry of await following) expect(entry.value).toMatchObject({ id });
  expect(await timesOf('seals')).toBeGreaterThan(0);
  await Promise.all(followers.map((follower) => follower.return(undefined)));
});
