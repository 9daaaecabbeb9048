import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openApp } from '../../src/app.ts';
import { renderLines } from '../../src/cli/lines.ts';
import { formatStatus } from '../../src/cli/status/format-status.ts';
import { readStatus, type Status } from '../../src/cli/status/read-status.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { timeoutEachStaleEntry } from '../../src/store/timeout-each-stale-entry.ts';
import { inTransaction } from '../../src/store/transaction.ts';
import { withQueueStatus } from '../../src/worker/queue-status.ts';
import { withClient } from '../../src/worker/boss.ts';
import { look } from '../../src/worker/look.ts';
import { readFleet } from '../../src/worker/read-fleet.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { completedAgo, insertFleet } from '../support/queue-rows.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { TIMINGS } from '../../src/worker/timings.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

async function status(): Promise<Status> {
  const { settings } = loadSettings({ env: { NODE_ENV: 'test', DATABASE_URL: database.url } });
  await using app = await openApp(settings, recordingLogger());
  return await withQueueStatus(app.queue, (readQueue) => readStatus(app, readQueue));
}

const fleet = async () => {
  const place = { schema: 'pgboss', auditLogSchema: 'sealog', logger: recordingLogger(), instanceName: 'test' };
  return await readFleet({ pool: database.pool, ...place }, ['audit-timeout']);
};

const view = async () =>
  (await database.pool.query<Record<string, unknown>>('select * from sealog.activation order by created_on desc')).rows;

const HOURLY = { cron: '0 * * * *', changedAgo: 86_400 };
const ALIVE = [{ name: 'worker-1', seenAgo: 10 }];
const GOOD = completedAgo(330, { timedOut: 7, limit: 10, limitReached: true });

const HOSTILE: readonly (readonly [string, unknown])[] = [
  ['a list that is a number', { skipped: 5 }],
  ['a list that is null', { ...GOOD.output, skipped: null }],
  ['a list of other things', { ...GOOD.output, skipped: [1, null, { id: 5, reason: {} }], sampleIds: [{}] }],
  ['a count that no integer holds', { ...GOOD.output, timedOut: 1e40, durationMs: 1e300, limit: 1e40 }],
  ['a count with a fraction, and one below zero', { ...GOOD.output, timedOut: 0.5, durationMs: -1 }],
  ['text where numbers are expected', { ...GOOD.output, timedOut: 'many', durationMs: 'long', limitReached: 'yes' }],
  ['a limit of nothing', { ...GOOD.output, limit: 0 }],
  ['a cutoff that is no instant', { ...GOOD.output, cutoff: '2026-02-30T00:00:00Z' }],
  ['a cutoff that is SQL', { ...GOOD.output, cutoff: `now'` }],
  ['counts that are none', { ...GOOD.output, byOperation: { a: 'x', b: null, c: 1e40 } }],
  ['names that are none', { ...GOOD.output, by: 7, trigger: ['schedule'] }],
  ['a list', [1, 2]],
  ['text', 'done'],
];

test('an outcome that one did not write ends neither status nor metrics, nor hides the good one behind it', async () => {
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  await insertFleet(database.pool, { schedule: HOURLY, replicas: ALIVE, activations: [GOOD] });
  for (const [what, output] of HOSTILE) {
    await database.pool.query(`delete from pgboss.job where created_on > now() - interval '2 minutes'`);
    const hostile = { state: 'completed', createdAgo: 60, startedAgo: 60, completedAgo: 60, output: output as object };
    await insertFleet(database.pool, { activations: [hostile] });
    const seen = await status();
    const [first, second] = seen.lastActivations;
    expect({ what, second }).toMatchObject({ what, second: { by: 'worker-1', timedOut: 7 } });
    expect({ what, backlog: seen.backlog }).toEqual({ what, backlog: { count: 1 } });
    expect({ what, drain: seen.drain }).toMatchObject({ what, drain: { activations: 1 } });
    const shown = renderLines(formatStatus(seen), new PassThrough()).join('\n');
    expect(shown).toMatch(/ago +worker-1 +schedule +completed +7/);

    expect({ what, ...(await fleet()) }).toMatchObject({
      what,
      jobs: [{ lastActivation: { completedSeconds: expect.any(Number), skipped: expect.any(Number) } }],
      replicas: 1,
      lost: 0,
    });
    const [newest, good] = await view();
    expect(good).toMatchObject({ by: 'worker-1', timed_out: '7', limit_reached: true });
    // The view shows the same counts as `status` does.
    expect({ what, count: newest!['timed_out'] ?? undefined }).toEqual({ what, count: first!.timedOut?.toString() });
  }
});

test('instants and spans at the ends of their types end neither status nor the look at the queues', async () => {
  await insertFleet(database.pool, { schedule: HOURLY, replicas: ALIVE, activations: [GOOD] });
  await database.pool.query(`
    insert into pgboss.instance (id, name, host, pid, version, node_version, heartbeat_seconds, supervise, schedule, migrate,
                                 persist_queue_stats, persist_warnings, started_on, heartbeat_on)
    values (gen_random_uuid(), 'hostile', 'h', 1, '1', '1', 2147483647, true, true, true, false, true, now(), now());
    insert into pgboss.job (name, state, policy, started_on, expire_seconds, heartbeat_on, heartbeat_seconds)
    values ('audit-timeout', 'active', 'stately', '294276-12-30', 2147483647, 'infinity', 2147483647)`);
  expect((await status()).replicas.map(({ name }) => name)).toEqual(['hostile', 'worker-1']);
  expect(await fleet()).toMatchObject({ replicas: 2 });
  const { settings } = loadSettings({ env: { NODE_ENV: 'test', DATABASE_URL: database.url } });
  await using app = await openApp(settings, recordingLogger());
  const { lost } = await withClient(app.queue, (boss) => look(boss, app.queue, ['audit-timeout']));
  expect(lost).toEqual([]);
});

test('another program with a pg-boss on the schema is no replica', async () => {
  await insertFleet(database.pool, { schedule: HOURLY, activations: [GOOD] });
  const columns = `id, name, host, pid, version, node_version, heartbeat_seconds, supervise, schedule, migrate,
                   persist_queue_stats, persist_warnings, started_on, heartbeat_on`;
  await database.pool.query(`
    insert into pgboss.instance (${columns})
    select gen_random_uuid(), name, 'h', 1, '12.38.0', '24', 60, supervises, supervises, false, false, true, now(), now()
      from (values (null, false), (null, true), ('sender', false)) as program (name, supervises)`);
  expect((await status()).problems.map(({ kind }) => kind)).toContain('no-replica');
  expect(await fleet()).toMatchObject({ replicas: 0, lost: 0 });
});

test('a megabyte of a refusal is cut where it is stored, and where it is shown', async () => {
  const [first] = await insertEntries(database.pool, [{ startedMinutesAgo: 700 }, { startedMinutesAgo: 600 }]);
  await database.pool.query(`
    create function sealog.refuse() returns trigger language plpgsql as $$
      begin raise exception '%', repeat('🙂', 300000); end $$;
    create trigger refuse before update on sealog.audit_log for each row
      when (old.id = '${first}') execute function sealog.refuse()`);
  const cutoff = new Date(Date.now() - 14_400_000).toISOString();
  const done = await inTransaction(auditLogDatabase(database.pool, 'sealog'), TIMINGS.transaction, (transaction) =>
    timeoutEachStaleEntry(transaction, { cutoff, limit: 10 }),
  );
  expect(done).toMatchObject({ timedOut: 1, skipped: [{ id: first }] });
  // Characters, and none of them cut in two.
  expect(Array.from(done.skipped[0]!.reason)).toHaveLength(500);
  expect(done.skipped[0]!.reason.isWellFormed()).toBe(true);
});

test('a megabyte of an error is cut where it is shown', async () => {
  const long = 'x'.repeat(1_000_000);
  await insertFleet(database.pool, {
    schedule: HOURLY,
    replicas: ALIVE,
    activations: [
      { state: 'failed', createdAgo: 50, startedAgo: 50, completedAgo: 50, output: { message: long, by: long } },
      { state: 'failed', createdAgo: 60, startedAgo: 60, completedAgo: 60, output: { value: { message: long } } },
      completedAgo(70, { skipped: [{ id: 'a', reason: long }] }),
      GOOD,
    ],
  });
  const seen = await status();
  expect(JSON.stringify(seen).length).toBeLessThan(10_000);
  expect(renderLines(formatStatus(seen), new PassThrough()).join('\n')).toContain('worker-1');
  expect(JSON.stringify(await view()).length).toBeLessThan(10_000);
});

test('instants that no client can read, and a schedule that nobody can, are reported and end nothing', async () => {
  await insertFleet(database.pool, { schedule: HOURLY, replicas: [...ALIVE, ...ALIVE], activations: [GOOD] });
  await database.pool.query(`
    update pgboss.instance set heartbeat_on = 'infinity' where pid = 102;
    insert into pgboss.job (name, policy, state, created_on, started_on, completed_on)
      values ('audit-timeout', 'stately', 'completed', 'infinity', '-infinity', 'infinity');
    update pgboss.schedule set cron = 'FREQ=DAILY;BYHOUR=9', updated_on = 'infinity'`);
  const seen = await status();
  expect(seen).toMatchObject({ nextRun: null, periodSeconds: null, scheduleError: expect.any(String) });
  expect(seen.problems).toEqual([
    {
      kind: 'schedule-unreadable',
      message: expect.stringMatching(/^the installed schedule "FREQ=DAILY;BYHOUR=9" cannot/),
    },
  ]);
  expect(await fleet()).toMatchObject({ replicas: 1, jobs: [{ schedule: { cron: 'FREQ=DAILY;BYHOUR=9' } }] });
});

test('status reads instants whatever the date style, the time zone and the digits of numbers are', async () => {
  await insertFleet(database.pool, {
    schedule: HOURLY,
    replicas: [...ALIVE, { name: 'worker-2', seenAgo: 700 }],
    activations: [GOOD],
  });
  const before = await status();
  await database.pool.query(`
    do $$ begin
      execute format('alter database %I set DateStyle = "SQL, DMY"', current_database());
      execute format('alter database %I set TimeZone = "Asia/Kathmandu"', current_database());
      execute format('alter database %I set IntervalStyle = "sql_standard"', current_database());
      execute format('alter database %I set extra_float_digits = -15', current_database());
    end $$`);
  const after = await status();
  const instantsOf = ({ nextRun, lastActivations, replicas, lostReplicas }: Status) => ({
    nextRun,
    activations: lastActivations.map(({ createdOn, startedOn, completedOn }) => [createdOn, startedOn, completedOn]),
    replicas: [...replicas, ...lostReplicas].map(({ startedOn, lastSeen }) => [startedOn, lastSeen]),
  });
  expect(instantsOf(after)).toEqual(instantsOf(before));
  expect(after.problems).toEqual(before.problems);
});

test('a replica is lost for a quarter of an hour, for status as for the metrics', async () => {
  await insertFleet(database.pool, {
    replicas: [...ALIVE, { name: 'worker-2', seenAgo: 800 }, { name: 'worker-3', seenAgo: 1000 }],
  });
  expect((await status()).lostReplicas.map(({ name }) => name)).toEqual(['worker-2']);
  expect(await fleet()).toMatchObject({ replicas: 1, lost: 1 });
  await database.pool.query(`update pgboss.instance set heartbeat_on = heartbeat_on - interval '20 minutes'`);
  const later = await status();
  expect(later).toMatchObject({ lostReplicas: [], replicas: [] });
  expect(later.problems[0]!.message).toBe('no replica is alive; worker-1 was last seen 20 min ago');
});
