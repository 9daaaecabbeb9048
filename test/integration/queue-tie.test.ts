import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { auditLogDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { type QueueConnection, withClient } from '../../src/worker/boss.ts';
import { installQueues } from '../../src/worker/install-queues.ts';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { quietSchedule } from '../support/quiet-schedule.ts';
import { EAGER_TIMINGS } from '../support/fast-time.ts';
import { spawnNode } from '../support/processes.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startReplica } from '../support/replica.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

function queue(auditLogSchema: string, schema: string): QueueConnection {
  return { pool: database.pool, schema, auditLogSchema, logger: recordingLogger(), instanceName: 'test' };
}

const ask = (connection: QueueConnection) => withClient(connection, (boss) => boss.send('audit-timeout', {}));

async function secondLog(): Promise<void> {
  await migrate(auditLogDatabase(database.pool, 'other'));
}

const OTHERS = {
  code: 'SEALOG_CONFIG',
  problems: [
    'queue.schema (SEALOG_QUEUE_SCHEMA): expected a queue of the audit log "other", got "pgboss", which is the queue of ' +
      'the audit log "sealog" in the same database',
  ],
};

test('two audit logs in one database do not share a queue: migrate, worker, activate and status refuse', async () => {
  await secondLog();
  await expect(installQueues(queue('other', 'pgboss'))).rejects.toMatchObject(OTHERS);
  await expect(startReplica(database.url, { SEALOG_DATABASE_SCHEMA: 'other' })).rejects.toMatchObject(OTHERS);
  const withoutMigrating = { SEALOG_DATABASE_SCHEMA: 'other', SEALOG_QUEUE_MIGRATE: 'false' };
  await expect(startReplica(database.url, withoutMigrating)).rejects.toMatchObject(OTHERS);
  // What activate and status open.
  await expect(ask(queue('other', 'pgboss'))).rejects.toMatchObject(OTHERS);

  const env = { DATABASE_URL: database.url, SEALOG_DATABASE_SCHEMA: 'other' };
  await using command = await spawnNode([sealogCommand, 'activate'], { env });
  expect(await command.exited).toEqual({ code: 2, signal: null });
  expect(command.stderr).toContain(OTHERS.problems[0]);
});

test('with a queue of its own each log has its own activations', async () => {
  await secondLog();
  await installQueues(queue('other', 'other_queue'));
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  // The activation of the start is the only one.
  const quiet = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule() };
  const own = { ...quiet, SEALOG_DATABASE_SCHEMA: 'other', SEALOG_QUEUE_SCHEMA: 'other_queue' };
  await using other = await startReplica(database.url, own);
  expect((await other.startup()).outcome).toMatchObject({ timedOut: 0 });
  await using replica = await startReplica(database.url, quiet);
  expect((await replica.startup()).outcome).toMatchObject({ timedOut: 1 });
});

test('one audit log does not get a second queue, until the first one is gone', async () => {
  const elsewhere = { code: 'SEALOG_CONFIG', message: expect.stringContaining('expected "pgboss", the queue of') };
  await expect(installQueues(queue('sealog', 'elsewhere'))).rejects.toMatchObject(elsewhere);
  await expect(startReplica(database.url, { SEALOG_QUEUE_SCHEMA: 'elsewhere' })).rejects.toMatchObject(elsewhere);
  const { rows } = await database.pool.query(`select from pg_namespace where nspname = 'elsewhere'`);
  expect(rows).toEqual([]);
  await database.pool.query('drop schema pgboss cascade');
  await installQueues(queue('sealog', 'elsewhere'));
  await ask(queue('sealog', 'elsewhere'));
  expect((await database.pool.query('select schema from sealog.queue')).rows).toEqual([{ schema: 'elsewhere' }]);
});

test('a worker whose queue becomes that of another log while it runs does nothing for it, and says so', async () => {
  await secondLog();
  await using replica = await startReplica(database.url, {}, { ...EAGER_TIMINGS, workSeconds: 1 });
  await replica.startup();
  expect(() => replica.worker.checkWork()).not.toThrow();
  await database.pool.query(`update pgboss.sealog_queue set audit_log_schema = 'other'`);
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  await ask(queue('other', 'pgboss'));
  const failures = () => replica.logger.withEvent('audit-timeout.activation').filter(({ err }) => err !== undefined);
  await waitUntil('the activation has failed', () => failures().length > 0);
  const refusal = expect.objectContaining({ message: expect.stringContaining('the queue of the audit log "other"') });
  expect(failures()[0]).toMatchObject({ err: refusal });
  await waitUntil('it is seen at a look', () => replica.logger.withEvent('queue.error').length > 0);
  expect(() => replica.worker.checkWork()).toThrow('the queue of the audit log "other"');
  const { rows } = await database.pool.query('select from sealog.audit_log where time_completed is null');
  expect(rows).toHaveLength(1);
  // It is the right one again.
  await database.pool.query(`update pgboss.sealog_queue set audit_log_schema = 'sealog'`);
  expect(await replica.activate()).toMatchObject({ state: 'completed' });
  expect(() => replica.worker.checkWork()).not.toThrow();
});

test('a queue whose audit log is gone can be had by another one, after a migration', async () => {
  await secondLog();
  await database.pool.query('drop schema sealog cascade');
  const untied = { code: 'SEALOG_SCHEMA_VERSION', schema: 'behind' };
  await expect(ask(queue('other', 'pgboss'))).rejects.toMatchObject(untied);
  await installQueues(queue('other', 'pgboss'));
  expect(await ask(queue('other', 'pgboss'))).not.toBeNull();
});

test("another program's pg-boss is neither upgraded nor used", async () => {
  await database.pool.query(`
    drop table pgboss.sealog_queue;
    select pgboss.create_queue('invoices', '{"policy": "standard"}');
    update pgboss.version set version = 45`);
  await expect(installQueues(queue('sealog', 'pgboss'))).rejects.toMatchObject({
    problems: [expect.stringContaining('got "pgboss", which holds the queue "invoices" of another program')],
  });
  await expect(startReplica(database.url)).rejects.toMatchObject({ code: 'SEALOG_CONFIG' });
  expect((await database.pool.query('select version from pgboss.version')).rows).toEqual([{ version: 45 }]);
});

test('a queue of sealog that has lost its mark is taken for what it is', async () => {
  await database.pool.query('drop table pgboss.sealog_queue');
  await installQueues(queue('sealog', 'pgboss'));
  expect(await ask(queue('sealog', 'pgboss'))).not.toBeNull();
});
