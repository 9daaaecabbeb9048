import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { run } from '../../src/cli/run.ts';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { checkGolden, withPlaceholders } from '../support/golden.ts';
import { spawnNode } from '../support/processes.ts';
import { recordedStreams } from '../support/streams.ts';

/**
 * What the command line says to mistakes and to trouble, and with which exit code, as one would see it in a shell. The
 * commands run in this process; that the process exits with the code of `run` is for command-line.test.ts.
 */
interface Try {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(async () => await database[Symbol.asyncDispose]());

const environment = { ...process.env };
beforeEach(() => void (process.env = { ...environment, NODE_ENV: 'test', DATABASE_URL: database.url }));
afterEach(() => void (process.env = environment));

async function transcript(tries: readonly Try[], names: Readonly<Record<string, string>> = {}): Promise<string> {
  // Before words are quoted: whether one has to be depends on the address that the server happens to have.
  const named = (text: string) =>
    Object.entries({ ...names, tmp: tmpdir() }).reduce(
      (told, [name, what]) => told.replaceAll(what, `<${name}>`),
      text,
    );
  let text = '';
  for (const { args, env = {} } of tries) {
    const streams = recordedStreams();
    const before = { ...process.env };
    Object.assign(process.env, env);
    const code = await run(args, streams);
    process.env = before;
    expect(streams.stdout.text).toBe('');
    expect(streams.stderr.text).not.toMatch(/^ +at |canary/m);
    const variables = Object.entries(env).map(([name, value]) => `${name}=${quoted(named(value))} `);
    text += `$ ${variables.join('')}${['sealog', ...args].map(quoted).join(' ')}\n${named(streams.stderr.text)}exit code ${code}\n\n`;
  }
  return withPlaceholders(
    text,
    [/(?<= lacks ).*(?=:)/g, '<migrations>'],
    [/(?<=this version ends with )\w+/g, '<migration>'],
    [new RegExp(`(?<=sealog-\\w+-)${process.pid}`, 'g'), '<pid>'],
  );
}

function quoted(word: string): string {
  return /^[\w./:@=<>-]+$/.test(word) ? word : `'${word}'`;
}

test('bad usage', async () => {
  const tries = [
    [],
    ['frobnicate'],
    ['statsu'],
    ['status', '--jsn'],
    ['status', 'now'],
    ['status', '--watch', '0'],
    ['activate', '--wait', '1h'],
    ['activate', '--wait'],
    ['activate', 'audit-timeuot'],
    ['list', '--from', 'yesterday'],
    ['list', '--to', '2026-02-30'],
    ['list', '--limit', '0'],
    ['list', '--order', 'up'],
    ['list', '--actor', ''],
    ['list', '--result', 'timeout'],
    ['list', '--format', 'xml'],
    ['list', '--after', 'abc'],
    ['list', '--follow', '--order', 'desc'],
    ['list', '--from', '2026-03-02', '--to', '2026-03-01'],
    ['list', '--escape-formulas'],
    ['list', '--excel', '--format', 'jsonl'],
    ['list', '--state', '/tmp/position'],
    ['list', '--state', '/nowhere/position', '--format', 'jsonl'],
    ['list', '--state', '/tmp', '--format', 'jsonl'],
    ['list', '--state', '/tmp/position', '--format', 'jsonl', '--order', 'desc'],
    ['show'],
    ['show', '42'],
    ['config', '--verbose'],
  ];
  await checkGolden('errors-usage', await transcript(tries.map((args) => ({ args }))));
});

test('bad configuration', async () => {
  const broken = join(tmpdir(), `sealog-broken-${process.pid}.json`);
  await writeFile(broken, '{ "auditTimeout": { "schedule": "@hourly", "timeoutSecond": 5 }, ');
  const wrong = join(tmpdir(), `sealog-wrong-${process.pid}.json`);
  await writeFile(wrong, '{ "auditTimeout": { "schedule": "@hourly", "timeoutSecond": 5 } }');
  const tries = [
    { args: ['status'], env: { SEALOG_CONFIG: join(tmpdir(), 'sealog-none.json') } },
    { args: ['status'], env: { SEALOG_CONFIG: broken } },
    { args: ['config'], env: { SEALOG_CONFIG: wrong } },
    { args: ['worker'], env: { SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: '4h', SEALOG_HTTP_PROT: '1' } },
    { args: ['migrate'], env: { SEALOG_QUEUE_SCHEMA: 'order' } },
    { args: ['migrate'], env: { SEALOG_QUEUE_SCHEMA: 'sealog' } },
    { args: ['migrate'], env: { DATABASE_URL: 'mysql://user:canary@db.example/app' } },
  ];
  await checkGolden('errors-configuration', await transcript(tries));
});

test('no database, or not the one that it should be', async () => {
  await using empty = await createDatabase({ template: false });
  await using without = await createDatabase();
  await without.pool.query('drop schema pgboss cascade');
  await using behind = await createDatabase();
  await behind.pool.query(`drop schema sealog cascade`);
  await using ahead = await createDatabase();
  await ahead.pool.query(`insert into sealog.migration (name, timestamp) values ('9999_future', '')`);
  await using other = await createDatabase();
  await other.pool.query('update pgboss.version set version = version - 1');
  const none = new URL(database.url);
  none.pathname = '/sealog_none';
  const nowhere = { DATABASE_URL: 'postgres://user:canary@127.0.0.1:1/app' };
  const tries = [
    ...['status', 'list', 'migrate'].map((command) => ({ args: [command], env: nowhere })),
    { args: ['activate', '--dry-run'], env: nowhere },
    { args: ['status'], env: { DATABASE_URL: none.href } },
    ...['status', 'list', 'activate'].map((command) => ({ args: [command], env: { DATABASE_URL: empty.url } })),
    ...['status', 'activate'].map((command) => ({ args: [command], env: { DATABASE_URL: without.url } })),
    ...['status', 'list'].map((command) => ({ args: [command], env: { DATABASE_URL: behind.url } })),
    { args: ['migrate'], env: { DATABASE_URL: ahead.url } },
    { args: ['status'], env: { DATABASE_URL: other.url } },
  ];
  const urls = { empty, without, behind, ahead, other };
  const names = Object.fromEntries(Object.entries(urls).map(([name, { url }]) => [name, url]));
  await checkGolden('errors-database', await transcript(tries, { ...names, none: none.href }));
});

test('an activation that is not run in time, and one that an operator cancels', async () => {
  const { url, pool } = database;
  const args = [sealogCommand, 'activate', '--wait'];
  const env = { DATABASE_URL: url };
  await using late = await spawnNode([...args, '1'], { env });
  expect(await late.exited).toMatchObject({ code: 1 });
  await checkGolden('errors-activation-late', late.stderr);

  await using cancelled = await spawnNode([...args, '60'], { env });
  await cancelled.waitForLine((line) => line.includes('queued'));
  await pool.query(`update pgboss.job set state = 'cancelled', completed_on = now() where name = 'audit-timeout'`);
  expect(await cancelled.exited).toMatchObject({ code: 1 });
  expect(JSON.parse(cancelled.stdout)).toMatchObject({ job: 'audit-timeout', state: 'cancelled', error: null });
  await checkGolden('errors-activation-cancelled', cancelled.stderr);
});
