import { describe, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { createDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';
import { waitUntil } from '../support/wait.ts';

const SERVICE = ['--conditions=@sealog/source', 'examples/service/server.ts'];

async function startService(databaseUrl: string, { snapshotSeconds = 0 } = {}) {
  const env = { DATABASE_URL: databaseUrl, PORT: '0', SNAPSHOT_SECONDS: String(snapshotSeconds) };
  const service = await spawnNode(SERVICE, { env });
  const { port } = await service.waitForEvent('service.listening');
  const send = (method: string, path: string): Promise<Response> => {
    return fetch(`http://127.0.0.1:${String(port)}${path}`, { method, headers: { 'x-user': 'alice' } });
  };
  return { ...service, send, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}

async function entriesIn(pool: Pool): Promise<unknown[]> {
  const { rows } = await pool.query(
    `select operation_id, actor_id, request_uri, result_kind, http_status_code, error_code, resource_id
       from sealog.audit_log order by time_started, id`,
  );
  return rows;
}

const incompleteSnapshot = {
  operation_id: 'snapshot_create',
  actor_id: 'alice',
  request_uri: '/disks/disk-1/snapshots',
  result_kind: null,
  http_status_code: null,
  error_code: null,
  resource_id: null,
};

describe('the example service', () => {
  test('records who did what, and what the client was told', async () => {
    await using database = await createDatabase();
    await using service = await startService(database.url);
    const answers = [
      await service.send('POST', '/disks'),
      await service.send('DELETE', '/disks/disk-1'),
      await service.send('DELETE', '/disks/disk-1'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 204, 404]);
    const common = { actor_id: 'alice', error_code: null, resource_id: 'disk-1' };
    const deletion = { ...common, operation_id: 'disk_delete', request_uri: '/disks/disk-1' };
    expect(await entriesIn(database.pool)).toEqual([
      { ...common, operation_id: 'disk_create', request_uri: '/disks', result_kind: 'success', http_status_code: 201 },
      { ...deletion, result_kind: 'success', http_status_code: 204 },
      { ...deletion, result_kind: 'error', http_status_code: 404, error_code: 'NotFound' },
    ]);
  });

  test('does not audit what only reads, or what is no operation', async () => {
    await using database = await createDatabase();
    await using service = await startService(database.url);
    expect((await service.send('GET', '/disks')).status).toBe(200);
    expect((await service.send('PUT', '//')).status).toBe(404);
    expect(await entriesIn(database.pool)).toEqual([]);
  });

  test('answers 503 and does nothing when the entry cannot be begun', async () => {
    await using database = await createDatabase();
    await using service = await startService(database.url);
    await database.pool.query('alter table sealog.audit_log rename to elsewhere');
    expect((await service.send('POST', '/disks')).status).toBe(503);
    await database.pool.query('alter table sealog.elsewhere rename to audit_log');
    expect(await (await service.send('GET', '/disks')).json()).toEqual([]);
    expect(await entriesIn(database.pool)).toEqual([]);
  });

  test('tells the client what was done even if its outcome could not be recorded', async () => {
    await using database = await createDatabase();
    await using service = await startService(database.url);
    await database.pool.query(`
      create function refuse() returns trigger language plpgsql as 'begin raise exception ''refused''; end';
      create trigger refuse before update on sealog.audit_log for each row execute function refuse()`);
    expect((await service.send('POST', '/disks')).status).toBe(201);
    expect(await entriesIn(database.pool)).toMatchObject([{ operation_id: 'disk_create', result_kind: null }]);
  });

  test('leaves the entries of what is in flight incomplete when it is killed', async () => {
    await using database = await createDatabase();
    await using service = await startService(database.url, { snapshotSeconds: 300 });
    await service.send('POST', '/disks');
    const inFlight = Promise.allSettled([1, 2, 3].map(() => service.send('POST', '/disks/disk-1/snapshots')));
    await waitUntil('three snapshots begun', async () => (await entriesIn(database.pool)).length === 4);
    service.kill('SIGKILL');
    expect((await inFlight).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect((await entriesIn(database.pool)).slice(1)).toEqual([
      incompleteSnapshot,
      incompleteSnapshot,
      incompleteSnapshot,
    ]);
  });

  test('finishes and records what is in flight on SIGTERM', async () => {
    await using database = await createDatabase();
    await using service = await startService(database.url, { snapshotSeconds: 1 });
    await service.send('POST', '/disks');
    const inFlight = service.send('POST', '/disks/disk-1/snapshots');
    await waitUntil('the snapshot begun', async () => (await entriesIn(database.pool)).length === 2);
    service.kill('SIGTERM');
    expect((await inFlight).status).toBe(201);
    expect(await service.exited).toEqual({ code: 0, signal: null });
    const recorded = { ...incompleteSnapshot, result_kind: 'success', http_status_code: 201 };
    expect((await entriesIn(database.pool)).slice(1)).toEqual([{ ...recorded, resource_id: 'disk-1-snapshot-1' }]);
  });

  test('says what is missing when DATABASE_URL is not set', async () => {
    await using service = await spawnNode(SERVICE, { env: { DATABASE_URL: undefined } });
    expect(await service.exited).toEqual({ code: 2, signal: null });
    expect(service.stderr).toMatch(/^DATABASE_URL: expected .+\n$/);
  });
});
