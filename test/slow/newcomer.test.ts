/**
 * Somebody who knows only the documents deploys three replicas on a PostgreSQL of their own, changes the schedule, reads
 * who ran the last activation, and finds the session that holds the horizon. Every command and query is the documents'.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { stepQueueClockPastSlots } from '../support/clock.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type Block, documentedBlocks } from '../support/documentation/blocks.ts';
import { insertEntries } from '../support/entries.ts';
import { type NodeProcess, spawnNode } from '../support/processes.ts';
import { waitUntil } from '../support/wait.ts';

const root = new URL('../../', import.meta.url);
const blocks = await documentedBlocks(root);
const replicas = new Map<string, NodeProcess>();

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ template: false });
});
afterAll(async () => {
  for (const replica of replicas.values()) await replica[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

test('three replicas are installed by hand, and status finds the log whole', async () => {
  await done('docs/operations.md', /^npm run -s sealog -- migrate$/m);
  // A slot would have an activation of its own, and that might be the last one.
  await stepQueueClockPastSlots(database.pool);
  for (const name of ['worker-1', 'worker-2', 'worker-3']) {
    await startReplica(name, documented('docs/operations.md', /^npm run -s sealog -- worker$/m));
  }
  await waitUntil('every activation of the start has ended', async () => (await status()).includes('audit log: whole'));
  expect(listedReplicas(await status())).toEqual(['worker-1', 'worker-2', 'worker-3']);
});

test('the schedule is changed, one replica after another', async () => {
  const command = documented('README.md', /^SEALOG_AUDIT_TIMEOUT_SCHEDULE='\*\/5 .* worker$/m);
  for (const name of replicas.keys()) {
    const old = replicas.get(name)!;
    old.kill('SIGTERM');
    expect(await old.exited).toEqual({ code: 0, signal: null });
    await startReplica(name, command);
  }
  await waitUntil('the fleet agrees', async () => {
    const text = await status();
    return /schedule +\*\/5 \* \* \* \* \(UTC\)/.test(text) && !text.includes('drift');
  });
  expect(listedReplicas(await status())).toEqual(['worker-1', 'worker-2', 'worker-3']);
});

test('who ran the last activation is read from the view', async () => {
  await insertEntries(database.pool, [{ operationId: 'disk_create', startedMinutesAgo: 600 }]);
  const outcome: unknown = JSON.parse(await done('docs/operations.md', /^npm run -s sealog -- activate$/m));
  expect(outcome).toMatchObject({ state: 'completed', timedOut: 1, byOperation: { disk_create: 1 } });

  const { rows } = await database.pool.query<Record<string, unknown>>(query('docs/monitoring.md', 'sealog.activation'));
  expect(rows[0]).toMatchObject({ by: (outcome as { by: string }).by, trigger: 'manual', timed_out: '1' });
  expect([...replicas.keys()]).toContain(rows[0]?.['by']);
});

test('the session that holds the horizon is found and ended, as status says', async () => {
  await insertEntries(database.pool, [{ operationId: 'vm_start', startedMinutesAgo: 1 }]);
  await using stuck = await connected(database.url, 'billing');
  await stuck.query('begin');
  await stuck.query(`update sealog.audit_log set result_kind = 'success' where operation_id = 'vm_start'`);

  await waitUntil('status says that it is held', async () => /^ +held by .*"billing"/m.test(await status()));
  const [, end = ''] = /^ +to end it +(.*)$/m.exec(await status()) ?? [];
  await database.pool.query(end);
  await waitUntil('the log is whole again', async () => (await status()).includes('audit log: whole'));
  await expect(stuck.query('commit')).rejects.toThrow(/terminat|not queryable/);
});

async function startReplica(name: string, command: string): Promise<void> {
  const replica = await start(command, { SEALOG_INSTANCE_NAME: name, SEALOG_HTTP_PORT: '0' });
  replicas.set(name, replica);
  await replica.waitForEvent('worker.started');
}

async function status(): Promise<string> {
  return await done('docs/operations.md', /^npm run -s sealog -- status$/m);
}

function listedReplicas(text: string): string[] {
  return [...text.matchAll(/^ +(worker-\d) .* (?:idle|runs audit-timeout)$/gm)].map(([, name = '']) => name);
}

/** Runs the first command of a document that matches, and answers what it printed. */
async function done(file: string, matches: RegExp): Promise<string> {
  await using program = await start(documented(file, matches));
  expect(await program.exited).toEqual({ code: 0, signal: null });
  return program.stdout;
}

/** Starts `VARIABLE='value' npm run -s sealog -- …` on the newcomer's database. */
async function start(command: string, env: Readonly<Record<string, string>> = {}): Promise<NodeProcess> {
  const [settings = '', argument = ''] = command.split('npm run -s sealog -- ');
  const given = [...settings.matchAll(/(\w+)='([^']*)'/g)].map(([, name = '', value]) => [name, value] as const);
  return await spawnNode([sealogCommand, ...argument.split(' ')], {
    cwd: fileURLToPath(root),
    env: { DATABASE_URL: database.url, ...env, ...Object.fromEntries(given) },
  });
}

function documented(file: string, matches: RegExp): string {
  const found = blocks.filter((block) => block.file === file && block.language === 'sh').map(({ text }) => text);
  return first(
    found.flatMap((text) => matches.exec(text) ?? []),
    `${file}: a command that matches ${String(matches)}`,
  );
}

function query(file: string, mentions: string): string {
  const isIt = ({ language, text }: Block) => language === 'sql' && text.includes(`from ${mentions}`);
  return first(
    blocks.filter((block) => block.file === file && isIt(block)).map(({ text }) => text),
    `${file}: a query of ${mentions}`,
  );
}

function first(found: readonly string[], what: string): string {
  const [it] = found;
  if (it === undefined) throw new Error(`there is no such thing in ${what}`);
  return it;
}
