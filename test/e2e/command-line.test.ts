import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { quietSchedule } from '../support/quiet-schedule.ts';
import { spawnNode } from '../support/processes.ts';

let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(async () => await database[Symbol.asyncDispose]());

async function sealog(args: string[], env: Readonly<Record<string, string | undefined>> = {}) {
  const child = await spawnNode([sealogCommand, ...args], { env: { DATABASE_URL: database.url, ...env } });
  const { code } = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

// What they say: errors.test.ts and help.test.ts.
test.each([
  [['--help'], 0],
  [['frobnicate'], 2],
  [['activate', 'audit-timeuot'], 2],
  [['status'], 1],
])('the process of %j exits with %i', async (args, expected) => {
  const { code, stdout, stderr } = await sealog(args, { DATABASE_URL: 'postgres://u:canary@127.0.0.1:1/none' });
  expect(code).toBe(expected);
  expect(code === 0 ? stderr : stdout).toBe('');
  expect(stderr).not.toMatch(/^ +at |canary/m);
});

test('production without a database is refused', async () => {
  const { code, stderr } = await sealog(['status'], { NODE_ENV: 'production', DATABASE_URL: undefined });
  expect(code).toBe(2);
  expect(stderr).toContain('DATABASE_URL');
});

test('a dry run counts and changes nothing', async () => {
  await insertEntries(database.pool, [
    { startedMinutesAgo: 600 },
    { startedMinutesAgo: 500 },
    { startedMinutesAgo: 1 },
  ]);
  const { code, stdout } = await sealog(['activate', '--dry-run'], {
    SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '1',
  });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ job: 'audit-timeout', dryRun: true, stale: 2, wouldTimeOut: 1, limit: 1 });
  const { rows } = await database.pool.query(
    'select count(*)::int as n from sealog.audit_log where time_completed is null',
  );
  expect(rows).toEqual([{ n: 3 }]);
});

test('an activation that no worker takes stands, and a worker that comes later runs it', async () => {
  const { code } = await sealog(['activate', '--wait', '1']);
  expect(code).toBe(1);
  const { rows } = await database.pool.query(`select state from pgboss.job where name = 'audit-timeout'`);
  expect(rows).toEqual([{ state: 'created' }]);
});

test('status tells schedule, activations, replicas and counts, for people and as JSON', async () => {
  const schedule = quietSchedule();
  await using worker = await spawnNode([sealogCommand, 'worker'], {
    env: {
      DATABASE_URL: database.url,
      SEALOG_INSTANCE_NAME: 'replica-1',
      SEALOG_AUDIT_TIMEOUT_SCHEDULE: schedule,
    },
  });
  await worker.waitForEvent('audit-timeout.activation');
  const { code, stdout } = await sealog(['status', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    job: 'audit-timeout',
    schedule,
    timezone: 'UTC',
    nextRun: expect.stringMatching(/:00:00\.000Z$/),
    scheduleDrift: [],
    // The request of the test above was waiting; the one at start-up may come behind it.
    lastActivations: expect.arrayContaining([
      expect.objectContaining({ state: 'completed', by: 'replica-1', timedOut: 2, limitReached: false, error: null }),
    ]),
    whole: true,
    replicas: [{ name: 'replica-1', pid: worker.pid }],
    incomplete: { count: 1, oldestStarted: expect.stringMatching(/\.\d{6}Z$/) },
    stale: { count: 0 },
  });
  const plain = await sealog(['status']);
  expect(plain.stdout).toMatch(/^audit log: whole\n/);
  expect(plain.stdout).toMatch(/schedule +0 \d+ \* \* \* \(UTC\), next run in /);
  expect(plain.stdout).toMatch(/replica-1 +\w+ +completed +2 /);
  expect(plain.stderr).toBe('');
});

test('activate tells on stderr how far it has come, and which replica is at it', async () => {
  await using worker = await spawnNode([sealogCommand, 'worker'], {
    env: {
      NODE_ENV: 'test',
      DATABASE_URL: database.url,
      SEALOG_INSTANCE_NAME: 'replica-2',
      SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule(),
      SEALOG_LOG_LEVEL: 'debug',
    },
  });
  await worker.waitForEvent('audit-timeout.activation');
  // The activation waits for the row for as long as it is locked, which is longer than it takes to be seen.
  const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  await database.pool.query(`
    create function sealog.wait() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock_shared(42); return new; end $$;
    create trigger wait before update on sealog.audit_log for each row execute function sealog.wait()`);
  await using blocker = await connected(database.url);
  await blocker.query('select pg_advisory_lock(42)');
  await using activate = await spawnNode([sealogCommand, 'activate'], { env: { DATABASE_URL: database.url } });
  const running = await activate.waitForLine((line) => line.includes('running on replica-2'));
  expect(running).toMatch(/^audit-timeout: running on replica-2 since \d{4}-\S+Z$/);
  await blocker.query('select pg_advisory_unlock(42)');
  expect(await activate.exited).toMatchObject({ code: 0 });
  const [queued, ...then] = activate.stderr.trimEnd().split('\n');
  expect(queued).toBe('audit-timeout: queued, waiting for a worker');
  expect(then.at(-1)).toMatch(/^audit-timeout: completed by replica-2 in \d+ ms$/);
  expect(Object.keys(JSON.parse(activate.stdout) as object).join(' ')).toBe(
    'job id state retries createdOn startedOn completedOn error by trigger cutoff limit timedOut limitReached ' +
      'oldestStarted byOperation sampleIds skipped durationMs',
  );
  expect(JSON.parse(activate.stdout)).toMatchObject({ state: 'completed', sampleIds: [id] });
});

test('config shows where each value comes from, and no password', async () => {
  const { code, stdout } = await sealog(['config', '--json'], {
    DATABASE_URL: 'postgres://user:canary@db.example/audit',
    SEALOG_HTTP_PORT: '9000',
  });
  expect(code).toBe(0);
  expect(stdout).not.toContain('canary');
  expect(JSON.parse(stdout)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ key: 'http.port', value: 9000, origin: 'environment SEALOG_HTTP_PORT' }),
      expect.objectContaining({ key: 'auditTimeout.timeoutSeconds', value: 14400, origin: 'default.json' }),
    ]),
  );
});
