import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuditLog } from '../../src/index.ts';
import { execute } from '../support/cluster.ts';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { spawnNode } from '../support/processes.ts';
import { sealog } from '../support/role-logins.ts';

// Transaction pooling: a session's statements may each run on another connection of the server, transactions aside.
let database: TestDatabase;
let pgbouncer: PgBouncer;
beforeAll(async () => {
  database = await createDatabase({ template: false });
  pgbouncer = await startPgBouncer(database.url, 3);
});
afterAll(async () => {
  await pgbouncer?.[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

test('migrate asks for the server itself, and leaves no setting with the sessions of others', async () => {
  await expect(sealog(pgbouncer.url, 'migrate')).rejects.toThrow('got one through a pooler');
  expect(await sealog(database.url, 'migrate')).toContain('applied 0001_audit_log');
});

test('the library begins, completes, lists, finds and follows', async () => {
  await using auditLog = createAuditLog({ connectionString: pgbouncer.url });
  const entries = await Promise.all(
    Array.from({ length: 20 }, () => auditLog.begin({ operationId: 'pooled', actor: { kind: 'system' } })),
  );
  const completed = await Promise.all(entries.map(({ id }) => auditLog.complete(id, { kind: 'success' })));
  expect(completed.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 'completed'));
  expect((await auditLog.list({ operationId: 'pooled' })).entries).toHaveLength(20);
  expect(await auditLog.find(entries[0]!.id)).toMatchObject({ entry: { id: entries[0]!.id } });
  let followed = 0;
  for await (const _ of auditLog.entries({ operationId: 'pooled', follow: true, pageSize: 7 })) {
    if (++followed === 20) break;
  }
  expect(followed).toBe(20);
});

test('a worker activates, and the commands ask it', async () => {
  await using worker = await spawnNode([sealogCommand, 'worker'], {
    env: { NODE_ENV: 'test', DATABASE_URL: pgbouncer.url, SEALOG_LOG_LEVEL: 'debug' },
  });
  await worker.waitForEvent('audit-timeout.activation');
  expect(JSON.parse(await sealog(pgbouncer.url, 'activate'))).toMatchObject({ state: 'completed', trigger: 'manual' });
  expect(JSON.parse(await sealog(pgbouncer.url, 'status', '--json'))).toMatchObject({ job: 'audit-timeout' });
  worker.kill('SIGTERM');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  const trouble = worker.lines().filter((line) => /"level":(?:50|60)|queue\.error/.test(line));
  expect(trouble).toEqual([]);
});

test('PgBouncer refuses a URL with settings that it does not know, unless it is told to ignore them', async () => {
  const url = new URL(pgbouncer.url);
  url.searchParams.set('options', '-c statement_timeout=5s');
  await expect(execute(url.href, 'select')).rejects.toThrow(/unsupported startup parameter/);
});
