import { chmod, readdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { joinEmbeddedPostgres } from '../../src/postgres/join.ts';
import { isAlive } from '../../src/postgres/postmaster.ts';
import { execute } from '../support/cluster.ts';
import { answer, type EmbeddedFolder, joinedUrl, makeEmbeddedFolder, repository } from '../support/embedded-folder.ts';
import { waitUntil } from '../support/wait.ts';

let folder: EmbeddedFolder;
beforeEach(async () => void (folder = await makeEmbeddedFolder()));
afterEach(async () => await folder[Symbol.asyncDispose]());

test('twelve processes that start at once share one server, which goes with the last of them', async () => {
  await using users = new AsyncDisposableStack();
  const all = await Promise.all(
    Array.from({ length: 12 }, async () => users.use(await folder.user({}, repository, 'SIGUSR2'))),
  );
  await Promise.all(all.map((process) => process.waitForEvent('waiting')));
  for (const process of all) process.kill('SIGUSR2');
  const urls = await Promise.all(all.map(joinedUrl));
  expect(new Set(urls).size).toBe(1);
  const [url = ''] = urls;
  const { server, keeper } = await folder.pids();

  for (const [index, process] of all.slice(1).entries()) process.kill(index % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
  const exits = await Promise.all(all.slice(1).map((process) => process.exited));
  expect(exits[0]).toEqual({ code: 0, signal: null });
  expect(exits[1]).toEqual({ code: null, signal: 'SIGKILL' });
  await execute(url, 'select');

  all[0]?.kill('SIGKILL');
  await waitUntil('server and keeper are gone', () => !isAlive(server) && !isAlive(keeper));
});

test('signals to the keeper leave the server to those who still work', async () => {
  await using process = await folder.user();
  const url = await joinedUrl(process);
  const { keeper } = await folder.pids();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) globalThis.process.kill(keeper, signal);
  await execute(url, 'select');
  expect(isAlive(keeper)).toBe(true);
});

test('a folder that everyone was killed in is taken up again', async () => {
  const process = await folder.user();
  await execute(await joinedUrl(process), 'create table kept as select 42 as answer');
  const { server, keeper } = await folder.pids();
  for (const pid of [keeper, server, process.pid]) globalThis.process.kill(pid, 'SIGKILL');
  await process.exited;
  // The server's process id was given to another program meanwhile: this one.
  const pidFile = join(folder.directory, 'cluster/data/postmaster.pid');
  await writeFile(pidFile, (await readFile(pidFile, 'utf8')).replace(/^\d+/, String(globalThis.process.pid)));
  await folder.visit(async (url) => expect(await answer(url)).toBe(42));
});

test('a server that is killed comes back at the same address', async () => {
  await folder.visit(async (url) => {
    const { server } = await folder.pids();
    process.kill(server, 'SIGKILL');
    await waitUntil('another server answers', async () => {
      const connected = await execute(url, 'select').then(
        () => true,
        () => false,
      );
      return connected && (await folder.pids()).server !== server;
    });
    expect(isAlive(server)).toBe(false);
  });
});

test('when the keeper alone is killed its users bring another, and the server still goes with the last', async () => {
  await using process = await folder.user();
  const url = await joinedUrl(process);
  const { server, keeper } = await folder.pids();
  globalThis.process.kill(keeper, 'SIGKILL');
  await waitUntil('another keeper', async () => {
    const now = (await folder.pids()).keeper;
    return now !== keeper && isAlive(now);
  });
  // The one that joins now hears from the new keeper, and finds the server that ran all the time.
  expect(await folder.visit(async () => {})).toBe(url);
  expect((await folder.pids()).server).toBe(server);

  process.kill('SIGKILL');
  await waitUntil('the server is gone', () => !isAlive(server));
});

test('an ephemeral folder goes with its last user, killed or not', async () => {
  await using process = await folder.user({ ephemeral: true });
  await joinedUrl(process);
  const { server, keeper } = await folder.pids();
  process.kill('SIGKILL');
  await waitUntil('server and keeper are gone', () => !isAlive(server) && !isAlive(keeper));
  await expect(stat(folder.directory)).rejects.toThrow('ENOENT');
});

test('a folder that nobody else may enter serves too, also for root, whose server is somebody else', async () => {
  await chmod(folder.parent, 0o700);
  const database = await joinEmbeddedPostgres({ directory: folder.directory, ephemeral: true });
  await execute(database.url, 'select');
  const cluster = await realpath(join(folder.directory, 'cluster'));
  await database[Symbol.asyncDispose]();
  await waitUntil('both folders are gone', async () =>
    (await Promise.allSettled([stat(folder.directory), stat(cluster)])).every(({ status }) => status === 'rejected'),
  );
  expect(await readdir(folder.parent)).toEqual([]);
});
