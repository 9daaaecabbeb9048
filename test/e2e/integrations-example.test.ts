import { expect, test } from '@jest/globals';
import { request as httpRequest } from 'node:http';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';

const SOURCE = '--conditions=@sealog/source';

test('the example proves by itself that every route that mutates is audited', async () => {
  await using database = await createDatabase();
  const env = { DATABASE_URL: database.url, NODE_OPTIONS: '' };
  await using proof = await spawnNode([SOURCE, '--test', 'examples/service/audit.test.ts'], { env });
  expect({ ...(await proof.exited), failed: /^. fail \d+$/m.exec(proof.stdout)?.[0] }).toMatchObject({
    code: 0,
    failed: expect.stringMatching(/fail 0$/),
  });
  const entries = await storedEntries(database.pool, 5);
  const names = entries.map(({ operation_id }) => operation_id).toSorted((a, b) => a.localeCompare(b));
  expect(names).toEqual(['disk_create', 'disk_delete', 'image_upload', 'login', 'snapshot_create']);
});

test('the example audits logins, refusals and uploads whose client goes away', async () => {
  await using database = await createDatabase();
  const env = { DATABASE_URL: database.url, PORT: '0' };
  await using service = await spawnNode([SOURCE, 'examples/service/server.ts'], { env });
  const { port } = await service.waitForEvent('service.listening');
  const base = `http://127.0.0.1:${String(port)}`;
  const login = async (password: string): Promise<Response> => {
    const body = JSON.stringify({ user: 'alice', password });
    return await fetch(`${base}/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  };
  expect((await login('a guess')).status).toBe(401);
  const { token } = (await (await login('wonderland')).json()) as { token: string };
  expect((await fetch(`${base}/disks`, { method: 'POST' })).status).toBe(401);
  // The entry of a refused request is begun after its answer.
  await storedEntries(database.pool, 3);
  const authorization = `Bearer ${token}`;
  expect((await fetch(`${base}/disks`, { method: 'POST', headers: { authorization } })).status).toBe(201);
  const { paths } = (await (await fetch(`${base}/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(paths)).toContain('/disks/{id}/image');

  const headers = { authorization, 'content-type': 'application/octet-stream', 'content-length': '1000' };
  const upload = httpRequest(`${base}/disks/disk-1/image`, { method: 'PUT', headers, agent: false });
  upload.on('error', () => {});
  upload.write('the beginning');
  await storedEntries(database.pool, 5, { incomplete: 1 });
  upload.destroy();

  const entries = await storedEntries(database.pool, 5);
  const told = entries.map(({ operation_id, actor, result, status, resource }) =>
    [operation_id, actor, result, status, resource].join(' '),
  );
  expect(told).toEqual([
    'login anonymous error 401 user:alice',
    'login anonymous success 200 user:alice',
    'disk_create anonymous error 401 ',
    'disk_create user:alice success 201 disk:disk-1',
    'image_upload user:alice error 500 disk:disk-1',
  ]);
});
