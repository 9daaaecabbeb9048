import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { checkGolden, UUIDS, withPlaceholders } from '../support/golden.ts';
import { spawnNode } from '../support/processes.ts';
import { type CommandRun, runCommand } from '../support/run-command.ts';

let database: TestDatabase;
let auditLog: AuditLog;
beforeAll(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool, instanceId: 'api-1' });
});
afterAll(async () => await database[Symbol.asyncDispose]());

async function show(...args: readonly string[]): Promise<CommandRun> {
  return await runCommand(['show', ...args], { DATABASE_URL: database.url });
}

async function lateOne(): Promise<string> {
  const { id } = await auditLog.begin({
    operationId: 'disk_delete',
    actor: { kind: 'user', id: 'u1' },
    tenantId: 't1',
    requestId: 'r1',
    requestUri: '/disks/d1',
    sourceIp: '192.0.2.1',
    userAgent: 'curl \u001b[31m',
    resource: { type: 'disk', id: 'd1' },
  });
  await database.pool.query(
    `update sealog.audit_log set result_kind = 'timeout', details = '{"id": 9007199254740993}' where id = $1`,
    [id],
  );
  return id;
}

test('an entry is shown in full, with the amendment that came later', async () => {
  const id = await lateOne();
  await auditLog.complete(id, { kind: 'error', httpStatusCode: 409, code: 'InUse', message: 'the disk is in use' });
  await using child = await spawnNode([sealogCommand, 'show', id], { env: { DATABASE_URL: database.url } });
  expect({ ...(await child.exited), stderr: child.stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  const { stdout } = child;
  await checkGolden('show', withPlaceholders(stdout, UUIDS));
  // An id in capitals is the same one.
  expect((await show(id.toUpperCase())).stdout).toBe(stdout);

  const json = await show(id, '--json');
  const found = await auditLog.find(id);
  expect(json.stdout).toContain('"details":{"id": 9007199254740993},');
  expect(JSON.parse(json.stdout.replaceAll('9007199254740993', '"9007199254740993"'))).toEqual(found);
  expect((await show(found!.amendment!.id)).stdout).toContain(`amends       ${id}`);
});

test('one without an amendment says so in JSON', async () => {
  const id = await lateOne();
  expect(JSON.parse((await show(id, '--json')).stdout)).toMatchObject({ entry: { id }, amendment: null });
});

test('one that is incomplete, or not there, is an error', async () => {
  const { id } = await auditLog.begin({ operationId: 'open', actor: { kind: 'system' } });
  for (const each of [id, '0197d5a0-0000-7000-8000-000000000000']) {
    expect(await show(each, '--json')).toEqual({
      code: 1,
      stdout: '',
      stderr: `sealog: expected the id of a completed entry, got ${each}: there is none, or it is incomplete\n`,
    });
  }
});
