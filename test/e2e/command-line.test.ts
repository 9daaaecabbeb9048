import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { spawnNode } from '../support/processes.ts';

let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(async () => await database[Symbol.asyncDispose]());

async function sealog(args: string[], env: Readonly<Record<string, string | undefined>> = {}) {
  const child = await spawnNode(['src/bin.ts', ...args], { env: { DATABASE_URL: database.url, ...env } });
  const { code } = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

describe('wrong usage', () => {
  test.each([
    [['frobnicate'], `error: unknown command 'frobnicate'`],
    [['status', '--jsn'], `error: unknown option '--jsn'`],
    [['activate', '--wait', '1h'], 'expected a whole number of seconds, got "1h"'],
    [['activate', 'audit-timeuot'], 'sealog: job: expected one of audit-timeout, got "audit-timeuot"'],
  ])('%j exits with 2 and says what is wrong', async (args, message) => {
    const { code, stdout, stderr } = await sealog(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });

  test('bad configuration exits with 2 and tells every problem in a line', async () => {
    const { code, stdout, stderr } = await sealog(['worker'], {
      SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: '4h',
      SEALOG_AUDIT_TIMEOUT_SCHEDULE: '@hourly',
      SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLG: 'true',
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')).toHaveLength(5);
    expect(stderr).toContain(
      'auditTimeout.timeoutSeconds (SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS): expected a whole number from 1 to 31536000, got "4h"',
    );
    expect(stderr).toContain('auditTimeout.schedule (SEALOG_AUDIT_TIMEOUT_SCHEDULE): ');
    expect(stderr).toContain('did you mean SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLOG');
  });

  test('production without a database is refused', async () => {
    const { code, stderr } = await sealog(['status'], { NODE_ENV: 'production', DATABASE_URL: undefined });
    expect(code).toBe(2);
    expect(stderr).toContain('DATABASE_URL');
  });
});

describe('help', () => {
  test.each([[['--help']], [['worker', '--help']], [['activate', '--help']], [['status', '--help']]])(
    '%j exits with 0',
    async (args) => {
      const { code, stdout, stderr } = await sealog(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^Usage: sealog/);
    },
  );
});

test('a database that is away fails with one line and exit code 1', async () => {
  for (const args of [['status'], ['migrate'], ['activate', '--dry-run']]) {
    const { code, stdout, stderr } = await sealog(args, { DATABASE_URL: 'postgres://u:canary@127.0.0.1:1/none' });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^sealog: .*ECONNREFUSED 127\.0\.0\.1:1\n$/);
  }
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

test('an activation that no worker takes fails after the wait, and stands', async () => {
  const { code, stderr } = await sealog(['activate', '--wait', '1']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^sealog: the activation was taken by no worker: is one running\? .*\n$/);
  const { rows } = await database.pool.query(`select state from pgboss.job where name = 'audit-timeout'`);
  expect(rows).toEqual([{ state: 'created' }]);
});

test('status tells schedule, activations, replicas and counts, for people and as JSON', async () => {
  const before = await sealog(['status']);
  expect(before.stdout).toContain('none: no worker has installed it yet');
  await using worker = await spawnNode(['src/bin.ts', 'worker'], {
    env: {
      DATABASE_URL: database.url,
      SEALOG_INSTANCE_NAME: 'replica-1',
      SEALOG_AUDIT_TIMEOUT_SCHEDULE: '*/5 * * * *',
    },
  });
  await worker.waitForEvent('audit-timeout.activation');
  const { code, stdout } = await sealog(['status', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    job: 'audit-timeout',
    schedule: '*/5 * * * *',
    timezone: 'UTC',
    nextRun: expect.stringMatching(/:\d[05]:00\.000Z$/),
    scheduleDrift: [],
    // The request of the test above was waiting; the one at start-up may come behind it.
    lastActivations: expect.arrayContaining([
      expect.objectContaining({ state: 'completed', by: 'replica-1', timedOut: 2, limitReached: false, error: null }),
    ]),
    replicas: [{ name: 'replica-1', pid: worker.pid }],
    incomplete: { count: 1, oldestStarted: expect.stringMatching(/\.\d{6}Z$/) },
    stale: { count: 0 },
  });
  const plain = await sealog(['status']);
  expect(plain.stdout).toMatch(/schedule +\*\/5 \* \* \* \* \(UTC\), next run in /);
  expect(plain.stdout).toMatch(/replica-1 +\w+ +completed +2 /);
  expect(plain.stderr).toBe('');
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
