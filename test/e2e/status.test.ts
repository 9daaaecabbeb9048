import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openApp } from '../../src/app.ts';
import { renderLines } from '../../src/cli/lines.ts';
import { formatStatus } from '../../src/cli/status/format-status.ts';
import { readStatus, type Status } from '../../src/cli/status/read-status.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { withQueueStatus } from '../../src/worker/queue-status.ts';
import { replaceClock, stopQueueClock } from '../support/clock.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { documentedBlocks } from '../support/documentation/blocks.ts';
import { insertEntries } from '../support/entries.ts';
import { checkGolden, type Placeholder, UUIDS, withPlaceholders } from '../support/golden.ts';
import { completedAgo, insertFleet } from '../support/queue-rows.ts';
import { recordingLogger } from '../support/recording-logger.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createDatabase();
  // Five minutes past an hour, so that the stories are the same in each minute and on each machine.
  const { rows } = await database.pool.query<{ at: Date }>(
    `select date_trunc('hour', now() - interval '5 minutes') + interval '5 minutes' as at`,
  );
  await stopQueueClock(database.pool, rows[0]!.at);
  await replaceClock(database.pool, `timestamptz '${rows[0]!.at.toISOString()}'`);
});
afterEach(async () => await database[Symbol.asyncDispose]());

async function status(env: Readonly<Record<string, string>> = {}): Promise<Status> {
  const { settings } = loadSettings({ env: { NODE_ENV: 'test', DATABASE_URL: database.url, ...env } });
  await using app = await openApp(settings, recordingLogger());
  return await withQueueStatus(app.queue, (readQueue) => readStatus(app, readQueue));
}

async function checkStatus(name: string, seen: Status, ...volatile: readonly Placeholder[]): Promise<void> {
  const lines = renderLines(formatStatus(seen), new PassThrough());
  await checkGolden(`status-${name}`, withPlaceholders(lines.join('\n'), ...volatile));
}

const ROOT = new URL('../../', import.meta.url);
const HOURLY = { cron: '0 * * * *', changedAgo: 86_400 };
const ALIVE = [
  { name: 'worker-1', seenAgo: 150 },
  { name: 'worker-2', seenAgo: 210 },
];

test('a database that no worker has come to yet', async () => {
  const seen = await status();
  expect(seen).toMatchObject({ whole: false, schedule: null, nextRun: null, replicas: [], lastActivations: [] });
  await checkStatus('new', seen);
});

test('rules that are off come first, by their names', async () => {
  await insertFleet(database.pool, { schedule: { cron: '0 * * * *', changedAgo: 600 }, replicas: [], activations: [] });
  await database.pool.query(`
    alter table sealog.audit_log disable trigger audit_log_delete, disable trigger audit_log_truncate, set unlogged;
    alter table sealog.audit_log drop constraint audit_log_error_has_message`);
  const seen = await status();
  expect(seen.problems.map(({ kind }) => kind)).toEqual(['rules-off', 'no-replica']);
  expect(seen.rules).toEqual({
    off: [
      'constraint audit_log_error_has_message on audit_log is missing',
      'table audit_log is unlogged',
      'trigger audit_log_delete on audit_log is disabled',
      'trigger audit_log_truncate on audit_log is disabled',
    ],
    unread: null,
  });
  await checkStatus('rules-off', seen);
});

test('all is well: incomplete entries are the normal state of a service', async () => {
  await insertEntries(database.pool, [{ startedMinutesAgo: 12 }, { startedMinutesAgo: 2 }]);
  await insertFleet(database.pool, {
    schedule: HOURLY,
    replicas: [...ALIVE, { name: 'worker-0', seenAgo: 300, stopped: true }],
    activations: [
      completedAgo(330),
      completedAgo(3930, { timedOut: 2, by: 'worker-2', durationMs: 41, byOperation: { a: 1, disk_create: 2, bb: 2 } }),
      completedAgo(7530, { trigger: 'startup' }),
    ],
  });
  const seen = await status();
  expect(seen).toMatchObject({ whole: true, problems: [], lostReplicas: [], periodSeconds: 3600 });
  await checkStatus('whole', seen);
  // The order of fields is a promise, and jsonb does not keep it.
  await checkGolden('status-whole-json', withPlaceholders(JSON.stringify(seen, null, 2), UUIDS));
});

test('nobody is left: the log has not been looked after for hours', async () => {
  await insertEntries(database.pool, [
    { startedMinutesAgo: 600 },
    { startedMinutesAgo: 500 },
    { startedMinutesAgo: 1 },
  ]);
  await insertFleet(database.pool, {
    schedule: { cron: '*/10 * * * *', changedAgo: 86_400 },
    replicas: [
      { name: 'worker-1', seenAgo: 2910 },
      { name: 'worker-2', seenAgo: 750 },
      { name: 'worker-3', seenAgo: 3700 },
    ],
    activations: [completedAgo(9000)],
  });
  await checkStatus('no-replica', await status());
});

test('activations fail: nothing is told of how long they will take, and no lock is suspected', async () => {
  const output = { name: 'error', message: 'canceling statement\n due to lock timeout', code: '55P03', by: 'worker-2' };
  const data = { trigger: 'schedule' };
  await insertEntries(database.pool, [{ startedMinutesAgo: 2 * 1440 }]);
  await insertFleet(database.pool, {
    schedule: HOURLY,
    replicas: ALIVE,
    activations: [
      { state: 'retry', createdAgo: 210, startedAgo: 150, retries: 2, data, output },
      { state: 'failed', createdAgo: 3650, startedAgo: 3640, completedAgo: 3620, retries: 5, data, output },
      completedAgo(7000),
    ],
  });
  const seen = await status();
  expect(seen.drain).toEqual({ activations: 1, seconds: null });
  await checkStatus('failing', seen);
  // The next attempt has begun, and nobody knows yet how it ends; who runs it is not who failed.
  await database.pool.query(`update pgboss.job set state = 'active' where state = 'retry'`);
  const trying = await status();
  expect(trying.problems[0]!.message).toMatch(/^the last activation failed and is being tried again: canceling/);
  expect(trying.lastActivations[0]).toMatchObject({ by: null, trigger: 'schedule' });
});

test('an entry is overdue although activations succeed: a session has locked it, and is found as documented', async () => {
  const [overdue] = await insertEntries(database.pool, [{ startedMinutesAgo: 2 * 1440 }, { startedMinutesAgo: 350 }]);
  await insertFleet(database.pool, { schedule: HOURLY, replicas: ALIVE, activations: [completedAgo(330)] });
  await using session = await connected(database.url);
  await session.query(`set application_name = 'nightly batch'; begin`);
  await session.query('select from sealog.audit_log where id = $1 for update', [overdue]);
  const seen = await status();
  expect(seen.problems.map(({ kind }) => kind)).toEqual(['entry-overdue']);
  await checkStatus('entry-overdue', seen, [/(?<=in about ).*/g, '<time until the next slot>']);

  const whoLocksIt = (await documentedBlocks(ROOT)).find(({ text }) => text.includes("'RowShareLock'"));
  const { rows } = await database.pool.query<{ application_name: string }>(whoLocksIt!.text);
  expect(rows.map(({ application_name }) => application_name)).toEqual(['nightly batch']);

  await session.query('rollback');
  await database.pool.query('update sealog.audit_log set result_kind = $2 where id = $1', [overdue, 'timeout']);
  // Stale for less than two periods.
  expect((await status()).problems).toEqual([]);
});

test('a backlog is being drained, and the replica that runs the activation is known by its session', async () => {
  await insertEntries(
    database.pool,
    Array.from({ length: 25 }, (_, index) => ({ startedMinutesAgo: 300 + index })),
  );
  const full = { limit: 10, timedOut: 10, limitReached: true, durationMs: 800 };
  await insertFleet(database.pool, {
    schedule: HOURLY,
    replicas: ALIVE,
    activations: [
      { state: 'active', createdAgo: 155, startedAgo: 150 },
      completedAgo(210, { ...full, trigger: 'backlog', by: 'worker-2' }),
      completedAgo(330, full),
    ],
  });
  await using session = await connected(database.url);
  await session.query(`set application_name = 'sealog worker-2'; begin; select 1`);
  const seen = await status();
  expect(seen.backlog).toEqual({ count: 25 });
  expect(seen.drain.activations).toBe(3);
  expect(seen.replicas.map(({ name, activeJob }) => [name, activeJob])).toEqual([
    ['worker-1', null],
    ['worker-2', 'audit-timeout'],
  ]);
  await checkStatus('backlog', seen);
});

test('a forgotten transaction holds the horizon; what is shown to end it ends it', async () => {
  await insertFleet(database.pool, { schedule: HOURLY, replicas: ALIVE, activations: [completedAgo(330)] });
  await insertEntries(database.pool, [{ startedMinutesAgo: 1 }]);
  await using session = await connected(database.url);
  await session.query(
    `set application_name = 'nightly\tbatch'; begin; update sealog.audit_log set result_kind = 'success'`,
  );
  const { rows } = await session.query<{ later: Date }>(`select now() + interval '12 minutes 30 seconds' as later`);
  await replaceClock(database.pool, `timestamptz '${rows[0]!.later.toISOString()}'`);
  const held = await status();
  await checkStatus('horizon-held', held);

  await database.pool.query(held.horizonHeldBy!.endStatement!);
  expect((await status()).problems).toEqual([]);
});

test('an entry is overdue because the database refuses it: no lock is suspected', async () => {
  const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 2 * 1440 }]);
  const skipped = [{ id, reason: 'no' }];
  await insertFleet(database.pool, {
    schedule: HOURLY,
    replicas: ALIVE,
    activations: [completedAgo(330, { skipped })],
  });
  expect((await status()).problems).toEqual([
    { kind: 'entry-overdue', message: expect.stringMatching(/is incomplete two periods after its timeout$/) },
    { kind: 'skipped', message: expect.anything() },
  ]);
});

test('drift and entries that the database refuses, as long lines on a narrow terminal', async () => {
  await insertFleet(database.pool, {
    schedule: HOURLY,
    replicas: ALIVE,
    activations: [
      completedAgo(330, {
        skipped: Array.from({ length: 12 }, (_, index) => ({
          id: `0193a5c2-0000-7000-8000-0000000000${10 + index}`,
          reason: 'new row for relation "audit_log" violates check constraint "audit_log_\u001b[31mred"',
        })),
      }),
    ],
  });
  await database.pool.query(
    `insert into sealog.replica (name, job, cron, timezone) values ('worker-2', 'audit-timeout', '*/5 * * * *', 'UTC')`,
  );
  const seen = await status();
  await checkStatus('drift-and-skipped', seen);
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 60 });
  const narrow = renderLines(formatStatus(seen), terminal).join('\n');
  await checkGolden('status-narrow', withPlaceholders(narrow).replaceAll('\u001b', '<esc>'));
});
