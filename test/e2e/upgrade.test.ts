import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { createAuditLog } from '../../src/index.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { MIGRATIONS_FOLDER } from '../../src/store/migrations.ts';
import { sealogCommand } from '../support/command.ts';
import { createDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { quietSchedule } from '../support/quiet-schedule.ts';
import { spawnNode } from '../support/processes.ts';

test('replicas and services of this release go on while the next one migrates under them', async () => {
  await using database = await createDatabase();
  await using stack = new AsyncDisposableStack();
  const env = {
    DATABASE_URL: database.url,
    SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule(),
    SEALOG_LOG_LEVEL: 'debug',
  };
  const replica = stack.use(await spawnNode([sealogCommand, 'worker'], { env }));
  await replica.waitForEvent('audit-timeout.activation');
  const auditLog = stack.use(createAuditLog({ connectionString: database.url }));
  const before = await auditLog.begin({ operationId: 'begun_before', actor: { kind: 'system' } });

  const folder = await mkdtemp(join(tmpdir(), 'sealog-next-'));
  stack.defer(() => rm(folder, { recursive: true }));
  await cp(MIGRATIONS_FOLDER, folder, { recursive: true });
  await writeFile(join(folder, '9999_next.sql'), 'alter table audit_log add column next text');
  expect(await migrate(auditLogDatabase(database.pool, 'sealog'), pathToFileURL(`${folder}/`))).toEqual(['9999_next']);

  await auditLog.complete(before.id, { kind: 'success' });
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  const activate = stack.use(await spawnNode([sealogCommand, 'activate'], { env }));
  expect(await activate.exited).toEqual({ code: 0, signal: null });
  expect(JSON.parse(activate.stdout)).toMatchObject({ state: 'completed', timedOut: 1 });
  const { entries } = await auditLog.list();
  expect(entries.map(({ result }) => result.kind)).toEqual(['success', 'unknown']);
  replica.kill('SIGTERM');
  expect(await replica.exited).toEqual({ code: 0, signal: null });
});
