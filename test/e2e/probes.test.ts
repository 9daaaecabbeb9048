import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { type ProbedWorker, startProbedWorker } from '../support/probed-worker.ts';
import { spawnNode } from '../support/processes.ts';
import { quietSchedule } from '../support/quiet-schedule.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

/** For tests that count what is activated. */
const QUIET = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule() };

test('a replica is alive from its start, ready when it works, and tells why not', async () => {
  await using proxy = await startProxy(database.url);
  await proxy.cut();
  await using replica = await startProbedWorker(proxy.url);
  expect(await replica.get('/healthz')).toMatchObject({ status: 200, body: '{"ok":true,"reasons":{}}\n' });
  const waiting = await replica.get('/readyz');
  expect(waiting.status).toBe(503);
  expect(JSON.parse(waiting.body)).toMatchObject({
    ok: false,
    reasons: { serves: 'it is waiting for its database', schema: expect.stringContaining('ECONNREFUSED') },
  });

  await proxy.mend();
  await untilReady(replica);

  await database.pool.query(`delete from pgboss.schedule`);
  const unscheduled = await replica.get('/readyz');
  expect(JSON.parse(unscheduled.body)).toEqual({
    ok: false,
    reasons: { schedule: 'no schedule is installed for audit-timeout' },
  });
  await proxy.cut();
  expect(await replica.get('/readyz')).toMatchObject({ status: 503 });
  // Restarting the process would not bring the database back.
  expect(await replica.get('/healthz')).toMatchObject({ status: 200 });
  expect(await replica.get('/metrics')).toMatchObject({ status: 200 });
  expect(await replica.waitForEvent('metrics.error')).toMatchObject({ level: 50, omitted: 0 });
});

const OF_THE_DATABASE = [
  'sealog_incomplete_entries',
  'sealog_stale_entries',
  'sealog_oldest_incomplete_age_seconds',
  'sealog_horizon_lag_seconds',
  'sealog_last_activation_timestamp_seconds',
  'sealog_last_activation_skipped_entries',
  'sealog_schedule_period_seconds',
  'sealog_schedule_drift',
  'sealog_replicas',
  'sealog_lost_replicas',
  'sealog_rules_off',
];
const OF_THE_REPLICA = [
  'sealog_timeout_seconds',
  'sealog_activation_limit_entries',
  'sealog_activations_total',
  'sealog_activation_duration_seconds_count',
  'sealog_timed_out_entries_total',
  'sealog_skipped_entries_total',
];

test('what only the database knows is missing from a scrape while it is away, and back after', async () => {
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  await using proxy = await startProxy(database.url);
  await using replica = await startProbedWorker(proxy.url, QUIET);
  await replica.waitForEvent('audit-timeout.activation');
  await replica.waitForEvent('worker.started');
  const all = [...OF_THE_DATABASE, ...OF_THE_REPLICA].toSorted();
  await waitUntil('all metrics are there', async () => (await metricNames(replica)).join(' ') === all.join(' '));

  await proxy.cut();
  const counted = /^sealog_timed_out_entries_total\{.*$/m;
  const { body } = await replica.get('/metrics');
  expect(namesIn(body)).toEqual(OF_THE_REPLICA.toSorted());
  // A counter continues from where it was: only a restart sets it back.
  expect(counted.exec(body)?.[0]).toBe('sealog_timed_out_entries_total{operation="test_operation"} 1');
  expect(JSON.parse((await replica.get('/readyz')).body)).toMatchObject({
    ok: false,
    reasons: { schema: expect.stringContaining('ECONNREFUSED') },
  });
  expect(await metricNames(replica)).toEqual(OF_THE_REPLICA.toSorted());

  await proxy.mend();
  await waitUntil('all metrics are back', async () => (await metricNames(replica)).join(' ') === all.join(' '));

  // A database that does not answer is as one that is away.
  proxy.freeze();
  expect(await metricNames(replica)).toEqual(OF_THE_REPLICA.toSorted());
  proxy.thaw();
  await waitUntil('all metrics are back', async () => (await metricNames(replica)).join(' ') === all.join(' '));
});

/** The first activation may have run before: a replica is ready when it has started, and its database answers in time. */
async function untilReady(replica: ProbedWorker): Promise<void> {
  await waitUntil('the replica is ready', async () => (await replica.get('/readyz')).status === 200);
}

/** A scrape with what the database knows, which it may not tell in time on a busy machine. */
async function wholeScrape(replica: ProbedWorker): Promise<string> {
  let body = '';
  await waitUntil('the database has answered a scrape', async () => {
    ({ body } = await replica.get('/metrics'));
    return body.includes('\nsealog_rules_off ') && body.includes('\nsealog_replicas ');
  });
  return body;
}

async function metricNames(replica: ProbedWorker): Promise<string[]> {
  return namesIn((await replica.get('/metrics')).body);
}

/** The names of sealog's own series that have a value, sorted; of a histogram only that of its count. */
function namesIn(body: string): string[] {
  const names = [...body.matchAll(/^(sealog_\w+)(?:\{.*\})? \S+$/gm)].map(([, name]) => name!);
  return [...new Set(names)].filter((name) => !/_(?:bucket|sum)$/.test(name)).toSorted();
}

test('metrics tell what was done and what is there, by the names of the contract', async () => {
  await insertEntries(database.pool, [
    { startedMinutesAgo: 600, operationId: 'disk_create' },
    { startedMinutesAgo: 500, operationId: 'disk_create' },
    { startedMinutesAgo: 2 },
  ]);
  const started = performance.now();
  await using replica = await startProbedWorker(database.url, QUIET);
  await replica.waitForEvent('audit-timeout.activation');
  // Only then has it sealed, too.
  await replica.waitForEvent('worker.started');
  const body = await wholeScrape(replica);
  const scraped = performance.now();
  const value = (line: string) =>
    Number(
      body
        .split('\n')
        .find((one) => one.startsWith(`${line} `))
        ?.split(' ')[1],
    );
  expect(value('sealog_incomplete_entries')).toBe(1);
  expect(value('sealog_oldest_incomplete_age_seconds')).toBeGreaterThan(100);
  // It has sealed since it was started.
  expect(value('sealog_horizon_lag_seconds')).toBeLessThan((scraped - started) / 1000);
  expect(value('sealog_timed_out_entries_total{operation="disk_create"}')).toBe(2);
  expect(value('sealog_activations_total{job="audit-timeout",outcome="completed"}')).toBe(1);
  expect(value('sealog_activation_duration_seconds_count{job="audit-timeout"}')).toBe(1);
  expect(value('sealog_last_activation_timestamp_seconds{job="audit-timeout"}')).toBeGreaterThan(1_700_000_000);
  expect(value('sealog_skipped_entries_total')).toBe(0);
  expect(value('sealog_stale_entries')).toBe(0);
  expect(value('sealog_timeout_seconds')).toBe(14_400);
  expect(value('sealog_activation_limit_entries')).toBe(1000);
  expect(value('sealog_schedule_period_seconds{job="audit-timeout"}')).toBe(86_400);
  expect(value('sealog_schedule_drift{job="audit-timeout"}')).toBe(0);
  expect(value('sealog_last_activation_skipped_entries{job="audit-timeout"}')).toBe(0);
  expect(value('sealog_replicas')).toBe(1);
  expect(value('sealog_lost_replicas')).toBe(0);
  expect(value('sealog_rules_off')).toBe(0);
  // pg-boss's own come along.
  expect(body).toMatch(/^# TYPE messaging_/m);
});

test('a replica is not ready while rules are off, and measures how many', async () => {
  await using replica = await startProbedWorker(database.url);
  await untilReady(replica);
  const rulesOff = async () => /^sealog_rules_off (.*)$/m.exec(await wholeScrape(replica))?.[1];
  expect(await rulesOff()).toBe('0');

  await database.pool.query('alter table sealog.audit_log disable trigger audit_log_delete');
  const off = await replica.get('/readyz');
  expect(off.status).toBe(503);
  expect(JSON.parse(off.body)).toEqual({
    ok: false,
    reasons: { rules: '1 rule is off: trigger audit_log_delete on audit_log is disabled; run `sealog migrate`' },
  });
  expect(await replica.get('/healthz')).toMatchObject({ status: 200 });
  expect(await rulesOff()).toBe('1');

  await using migrating = await spawnNode([sealogCommand, 'migrate'], { env: { DATABASE_URL: database.url } });
  expect(await migrating.exited).toEqual({ code: 0, signal: null });
  await untilReady(replica);
  expect(await rulesOff()).toBe('0');
});

test('metrics come as OpenMetrics to who asks for it, and as Prometheus text to others', async () => {
  await using replica = await startProbedWorker(database.url);
  await replica.waitForEvent('worker.started');
  const text = await replica.get('/metrics');
  expect(text.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(text.body).toContain('# TYPE sealog_skipped_entries_total counter\n');
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  const open = await replica.get('/metrics', { headers: { accept } });
  expect(open.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(open.body).toContain('# TYPE sealog_skipped_entries counter\nsealog_skipped_entries_total 0\n');
  expect(open.body).toMatch(/[^\n]\n# EOF\n$/);
  expect(open.body).not.toMatch(/\n\n|^# (?!HELP|TYPE|EOF)/m);
});

test('what the whole fleet did outlives its replicas, and a lost one and a drifting one are told', async () => {
  const gauge = (body: string, line: string) =>
    body
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.split(' ')[1];
  {
    await using first = await startProbedWorker(database.url, { ...QUIET, SEALOG_INSTANCE_NAME: 'first' });
    await first.waitForEvent('audit-timeout.activation');
  }
  // Killed: it could not say that it ends. Its heartbeat is made older, so that nobody waits for it to become so.
  await database.pool.query(`update pgboss.instance set heartbeat_on = now() - interval '5 minutes'`);
  await database.pool.query(
    `update pgboss.job set created_on = created_on - interval '1 h', completed_on = to_timestamp(1700000000)
      where name = 'audit-timeout'`,
  );
  await using hold = await connected(database.url);
  // Its own first activation has to wait, so that the last one is still that of the first replica.
  await hold.query('begin; lock table sealog.audit_log in share row exclusive mode');
  await using second = await startProbedWorker(database.url, { ...QUIET, SEALOG_INSTANCE_NAME: 'second' });
  await second.waitForEvent('worker.started');
  const before = await wholeScrape(second);
  expect(gauge(before, 'sealog_last_activation_timestamp_seconds{job="audit-timeout"}')).toBe('1700000000');
  expect(gauge(before, 'sealog_replicas')).toBe('1');
  expect(gauge(before, 'sealog_lost_replicas')).toBe('1');

  await database.pool.query(`update pgboss.schedule set cron = '0 * * * *'`);
  const after = await wholeScrape(second);
  expect(gauge(after, 'sealog_schedule_drift{job="audit-timeout"}')).toBe('1');
  expect(gauge(after, 'sealog_schedule_period_seconds{job="audit-timeout"}')).toBe('3600');
});

test('what a client does wrong is answered or cut off, and the replica goes on', async () => {
  await using replica = await startProbedWorker(database.url);
  const { port } = replica;
  expect(await replica.get('/nothing')).toMatchObject({ status: 404 });
  expect(await replica.get('/healthz?probe=1')).toMatchObject({ status: 200 });
  expect(await replica.get('/metrics', { method: 'POST', body: 'x'.repeat(1e6) }).catch(() => 'cut off')).toEqual(
    expect.anything(),
  );
  const huge = await raw(port, `GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(10_000)}\r\n\r\n`);
  expect(huge).toMatch(/^HTTP\/1\.1 431 /);
  expect(await raw(port, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  // Connections that say nothing: all that are admitted are taken, and each further one displaces the oldest.
  const silent = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  // A socket that nobody reads does not tell that it was closed.
  await new Promise((resolve) => silent[0]!.resume().once('close', resolve));
  for (const socket of silent) socket.destroy();
  const many = await Promise.all(Array.from({ length: 30 }, () => replica.get('/metrics')));
  expect(many.map(({ status }) => status)).toEqual(many.map(() => 200));
});

test('a port that is taken is told in one line', async () => {
  await using first = await startProbedWorker(database.url);
  const { port } = first;
  await using second = await spawnNode([sealogCommand, 'worker'], {
    env: { NODE_ENV: 'test', DATABASE_URL: database.url, SEALOG_HTTP_PORT: String(port) },
  });
  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.stderr).toBe(`sealog: http: 127.0.0.1:${port} is in use: set SEALOG_HTTP_PORT, or 0 for a free one\n`);
});

function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.end(request));
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk)));
  return new Promise((resolve) => socket.on('error', () => {}).on('close', () => resolve(answer)));
}
