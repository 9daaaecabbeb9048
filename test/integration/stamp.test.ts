import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { replaceClock } from '../support/clock.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

const microseconds = (column: string) => `sealog.audit_log_microseconds(${column})`;

async function completeOne(client: Pick<pg.Client, 'query'> = database.pool): Promise<bigint> {
  const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 5 }]);
  const { rows } = await client.query<{ stamp: string }>(
    `update sealog.audit_log set result_kind = 'success' where id = $1 returning ${microseconds('time_completed')} as stamp`,
    [id],
  );
  return BigInt(rows[0]!.stamp);
}

test('an entry is stamped above the floor even when the clock is behind it', async () => {
  const { rows } = await database.pool.query<{ floor: string }>(
    `select setval('sealog.audit_log_floor', ${microseconds("now() + interval '1 hour'")}) as floor`,
  );
  expect(await completeOne()).toBe(BigInt(rows[0]!.floor) + 1n);
});

test('an entry is stamped above what was sealed, when a restored dump has the floor below it and the clock is behind', async () => {
  const { rows } = await database.pool.query<{ sealed: string }>(
    `select setval('sealog.audit_log_sealed', ${microseconds("now() + interval '1 hour'")}) as sealed`,
  );
  expect(await completeOne()).toBe(BigInt(rows[0]!.sealed) + 1n);
  // The next seal brings the floor above it again.
  await database.pool.query('select sealog.audit_log_seal()');
  const { rows: counters } = await database.pool.query<{ whole: boolean }>(
    `select floor.last_value > sealed.last_value or floor.last_value = sealed.last_value as whole
       from sealog.audit_log_floor as floor, sealog.audit_log_sealed as sealed`,
  );
  expect(counters).toEqual([{ whole: true }]);
});

test('an entry is stamped by the clock, when that is ahead of the floor', async () => {
  await replaceClock(database.pool, `timestamptz '2126-01-01 00:00:00.123456+00'`);
  const { rows } = await database.pool.query(
    `select ${microseconds(`timestamptz '2126-01-01 00:00:00.123456+00'`)} as now`,
  );
  expect(await completeOne()).toBe(BigInt(rows[0].now));
});

test('an entry is not stamped before the start of its transaction when the clock was set back', async () => {
  await replaceClock(database.pool, `clock_timestamp() - interval '1 day'`);
  await using client = await connected(database.url);
  await client.query('begin');
  const { rows } = await client.query(`select ${microseconds('transaction_timestamp()')} as began`);
  const stamp = await completeOne(client);
  expect(stamp).toBe(BigInt(rows[0].began));
});

test.each(['read committed', 'repeatable read', 'serializable'])(
  'a transaction under %s stamps above a floor raised after its snapshot was taken',
  async (isolation) => {
    await using client = await connected(database.url);
    await client.query(`begin isolation level ${isolation}`);
    const [id] = await insertEntries(client, [{ startedMinutesAgo: 5 }]);
    const { rows: floor } = await database.pool.query<{ floor: string }>(
      `select setval('sealog.audit_log_floor', ${microseconds("now() + interval '1 hour'")}) as floor`,
    );
    const { rows } = await client.query<{ stamp: string }>(
      `update sealog.audit_log set result_kind = 'success' where id = $1 returning ${microseconds('time_completed')} as stamp`,
      [id],
    );
    await client.query('commit');
    expect(BigInt(rows[0]!.stamp)).toBe(BigInt(floor[0]!.floor) + 1n);
  },
);

test('a transaction holds one shared lock for all its completions, from before its stamps until its end', async () => {
  await insertEntries(
    database.pool,
    Array.from({ length: 200 }, () => ({ startedMinutesAgo: 5 })),
  );
  await using client = await connected(database.url);
  await client.query('begin');
  await client.query(
    `update sealog.audit_log set result_kind = 'success' where id in (select id from sealog.audit_log limit 120)`,
  );
  await client.query(`update sealog.audit_log set result_kind = 'success' where time_completed is null`);
  const locks = `
    select mode, ((classid::bigint << 32) | objid::bigint) as key, objsubid from pg_locks
     where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;
  const { rows: held } = await database.pool.query(locks);
  const { rows: expected } = await client.query(
    `select sealog.audit_log_lock_key(${microseconds('transaction_timestamp()')}) as key`,
  );
  expect(held).toEqual([{ mode: 'ShareLock', key: expected[0].key, objsubid: 1 }]);
  const { rows } = await client.query(
    `select bool_and(${microseconds('time_completed')} / 1000 >= $1::bigint & ((1::bigint << 42) - 1)) as after_key
       from sealog.audit_log`,
    [held[0].key],
  );
  expect(rows).toEqual([{ after_key: true }]);
  await client.query('commit');
  expect((await database.pool.query(locks)).rows).toEqual([]);
});

test.each(['audit_log_floor', 'audit_log_sealed'])('no entry is completed when %s cannot be read', async (counter) => {
  // What the owner of the functions would see without the right to read it.
  await database.pool.query(`select setval('sealog.${counter}', 0, false)`);
  await expect(completeOne()).rejects.toMatchObject({ code: '42501', message: expect.stringContaining(counter) });
});

test('a cursor whose later FETCH fails in a savepoint keeps the lock of what an earlier one has completed', async () => {
  const ids = await insertEntries(database.pool, [{ startedMinutesAgo: 5 }, { startedMinutesAgo: 5 }]);
  await using client = await connected(database.url);
  // A function that a service may have: completes an entry, and fails for the second one.
  await client.query(`
    create function public.complete_entry(entry uuid) returns timestamptz language plpgsql as $$
    declare stamp timestamptz;
    begin
      if entry = '${ids[1]}' then raise exception 'no'; end if;
      update sealog.audit_log set result_kind = 'success' where id = entry returning time_completed into stamp;
      return stamp;
    end $$`);
  await client.query('begin');
  await client.query(
    `declare completions cursor for
       select public.complete_entry(id) as stamp from unnest(array['${ids[0]}', '${ids[1]}']::uuid[]) as id`,
  );
  const { rows } = await client.query<{ stamp: Date }>('fetch completions');
  await client.query('savepoint later');
  await expect(client.query('fetch completions')).rejects.toThrow('no');
  await client.query('rollback to savepoint later');

  const { rows: sealed } = await database.pool.query<{ horizon: Date }>('select sealog.audit_log_seal() as horizon');
  await client.query('commit');
  expect(sealed[0]!.horizon < rows[0]!.stamp).toBe(true);
});

test('instants survive the way to microseconds and back', async () => {
  const { rows } = await database.pool.query(`
    select count(*)::integer as inexact from (
      select timestamptz '1971-01-01 00:00:00.000001+00' + n * interval '1234567.891011 s' from generate_series(0, 4000) n
      union all
      select timestamptz '0001-01-01 00:00:00.000001+00' + n * interval '1 year 1.000001 s' from generate_series(0, 9998) n
    ) s(t)
     where sealog.audit_log_instant(sealog.audit_log_microseconds(t)) is distinct from t`);
  expect(rows).toEqual([{ inexact: 0 }]);
});

test.each(['2200-01-01 00:00:00.000001+00', '2261-01-01 00:00:00.000001+00', '9000-01-01 00:00:00.000001+00'])(
  'no entry appears at or before a horizon that a clock of %s has led to',
  async (ahead) => {
    await replaceClock(database.pool, `timestamptz '${ahead}'`);
    await completeOne();
    await database.pool.query('select sealog.audit_log_seal()');
    await replaceClock(database.pool, 'clock_timestamp()');
    for (let times = 0; times < 4; times++) {
      const { rows } = await database.pool.query<{ horizon: string }>(
        `select ${microseconds('sealog.audit_log_seal()')} as horizon`,
      );
      expect(await completeOne()).toBeGreaterThan(BigInt(rows[0]!.horizon));
    }
  },
);

test('a completion waits for nobody who holds its lock, and holds the horizon under a lower key', async () => {
  const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 5 }]);
  await using client = await connected(database.url);
  await client.query('begin');
  const began = microseconds('transaction_timestamp()');
  const { rows: keys } = await client.query<{ key: string }>(`select sealog.audit_log_lock_key(${began}) as key`);
  await using other = await connected(database.url);
  await other.query('select pg_advisory_lock($1)', [keys[0]!.key]);
  const { rows } = await client.query<{ stamp: Date }>(
    `update sealog.audit_log set result_kind = 'success' where id = $1 returning time_completed as stamp`,
    [id],
  );
  await other.query('select pg_advisory_unlock($1)', [keys[0]!.key]);
  const { rows: sealed } = await database.pool.query<{ horizon: Date }>('select sealog.audit_log_seal() as horizon');
  await client.query('commit');
  expect(sealed[0]!.horizon < rows[0]!.stamp).toBe(true);
});

test('a completion is refused when its lock and every lower one of the log is held, and takes none of another namespace', async () => {
  // As by a clock before 1970.
  await database.pool.query(`
    create or replace function sealog.audit_log_lock_key(microseconds bigint) returns bigint language sql stable
    return sealog.audit_log_lock_namespace() << 42`);
  await using holder = await connected(database.url);
  await holder.query('select pg_advisory_lock(sealog.audit_log_lock_key(0))');
  await expect(completeOne()).rejects.toMatchObject({
    code: '55P03',
    message: expect.stringMatching('holds every advisory lock'),
  });
  await holder.query('select pg_advisory_unlock_all()');
  await completeOne();
});

test.each(['1960-01-01', '2200-01-01'])(
  'a transaction of %s has a key of the log, which sealers see',
  async (instant) => {
    const { rows } = await database.pool.query(
      `select sealog.audit_log_lock_key(${microseconds(`timestamptz '${instant}'`)}) >> 42 = sealog.audit_log_lock_namespace() as own`,
    );
    expect(rows).toEqual([{ own: true }]);
  },
);
