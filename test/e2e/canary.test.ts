import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuditLog } from '../../src/index.ts';
import { execute } from '../support/cluster.ts';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const CANARY = `canary${randomBytes(6).toString('hex')}`;
const role = `test_${CANARY.slice(0, 12)}`;
let database: TestDatabase;
let directory: string;

beforeAll(async () => {
  database = await createDatabase();
  await execute(database.url, `create role ${role} superuser login password '${CANARY}'`);
  directory = await mkdtemp(join(tmpdir(), 'sealog-canary-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
  await execute(
    process.env['SEALOG_TEST_CLUSTER_URL']!,
    `drop database ${database.name} with (force)`,
    `drop role ${role}`,
  );
  await database[Symbol.asyncDispose]();
});

/** The URL with the canary as its password, changed for the case. */
function secretUrl(change: (url: URL) => void = () => {}): string {
  const url = new URL(database.url);
  [url.username, url.password] = [role, CANARY];
  change(url);
  return url.href;
}

const CASES: readonly (readonly [string, () => string])[] = [
  ['is right', () => secretUrl()],
  ['is of nobody', () => secretUrl((url) => (url.username = 'nobody_of_that_name'))],
  ['is of an unreachable server', () => secretUrl((url) => (url.port = '1'))],
  ['is of an unknown host', () => secretUrl((url) => (url.hostname = 'nowhere.invalid'))],
  ['is of an unknown database', () => secretUrl((url) => (url.pathname = '/nowhere'))],
  [
    'goes with a server that does not encrypt',
    () => secretUrl((url) => url.searchParams.set('sslmode', 'verify-full')),
  ],
  ['is a parameter too', () => secretUrl((url) => url.searchParams.set('password', CANARY))],
];

test.each([
  ['is right', [['config'], ['config', '--json'], ['migrate'], ['status', '--json'], ['activate', '--wait', '1']]],
  ['is of nobody', [['migrate'], ['status'], ['activate']]],
  ['is of an unreachable server', [['status']]],
  ['goes with a server that does not encrypt', [['status']]],
] as const)('a password that %s is told by no command', async (which, commands) => {
  const url = CASES.find(([name]) => name === which)![1]();
  const SEALOG_CONFIG = join(directory, 'sealog.json');
  await writeFile(SEALOG_CONFIG, JSON.stringify({ database: { url } }));
  const said = await Promise.all([
    ...commands.map(async (args) => await outputOf({ DATABASE_URL: url }, args)),
    outputOf({ SEALOG_CONFIG }, ['config', '--json']),
  ]);
  expect(said.every((text) => text !== '')).toBe(true);
  expect(said.join('\n')).not.toContain(CANARY);
});

async function outputOf(env: Record<string, string>, args: readonly string[]): Promise<string> {
  await using command = await spawnNode([sealogCommand, ...args], {
    env: { NODE_ENV: 'test', SEALOG_LOG_LEVEL: 'trace', ...env },
  });
  await command.exited;
  return command.stdout + command.stderr;
}

test.each(CASES.slice(0, 3))(
  'a password that %s is told by no worker, neither in its log nor over HTTP',
  async (_, url) => {
    await using worker = await spawnNode([sealogCommand, 'worker'], {
      env: { NODE_ENV: 'test', SEALOG_LOG_LEVEL: 'trace', DATABASE_URL: url() },
    });
    const { port } = await worker.waitForEvent('http.started');
    // It works, waits for its database, or gives up and says why.
    await worker.waitForLine((line) => /audit-timeout\.activation|database\.waiting|^sealog: /.test(line));
    const answers = await Promise.all(
      ['/readyz', '/healthz', '/metrics'].map(async (path) => {
        // One that has given up answers no more.
        const answer = await fetch(`http://127.0.0.1:${port as number}${path}`).catch(() => undefined);
        return JSON.stringify([...(answer?.headers ?? [])]) + ((await answer?.text()) ?? '');
      }),
    );
    worker.kill('SIGTERM');
    await worker.exited;
    expect(answers.join('\n') + worker.stdout + worker.stderr).not.toContain(CANARY);
  },
);

test('a password is in nothing that is kept in the database', async () => {
  const { rows } = await database.pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('pgboss', 'sealog')`,
  );
  const kept = await Promise.all(
    rows.map(async ({ name }) => {
      const { rows: texts } = await database.pool.query<{ text: string | null }>(
        `select string_agg(kept::text, e'\\n') as text from ${name} as kept`,
      );
      return texts[0]?.text ?? '';
    }),
  );
  expect(kept.join('\n')).toContain('audit-timeout');
  expect(kept.join('\n')).not.toContain(CANARY);
});

test('a password is in no error of the library, however deep it is printed, and in no log line', async () => {
  for (const [, url] of CASES.slice(1)) {
    const logger = recordingLogger();
    await using auditLog = createAuditLog({ connectionString: url(), logger });
    const begun = await auditLog
      .begin({ operationId: 'x', actor: { kind: 'system' } })
      .catch((error: unknown) => error);
    expect(inspect(begun, { depth: 20, showHidden: true })).not.toContain(CANARY);
    expect(inspect(logger, { depth: 20 })).not.toContain(CANARY);
  }
});
