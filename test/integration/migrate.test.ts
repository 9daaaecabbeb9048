import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { connected, testPool } from '../support/connection.ts';
import { auditLogDatabase, type MigratableDatabase } from '../../src/store/database.ts';
import { checkSchema, migrate } from '../../src/store/migrate.ts';
import { inMigrationTurn } from '../../src/store/migration-turn.ts';
import { MIGRATIONS_FOLDER, migrationNames } from '../../src/store/migrations.ts';
import { openPool } from '../../src/store/open-pool.ts';
import { restoreRules } from '../../src/store/restore-rules.ts';
import { installQueues } from '../../src/worker/install-queues.ts';
import { databaseUrl } from '../support/cluster.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { sealog } from '../support/role-logins.ts';

let database: TestDatabase;
let log: MigratableDatabase;
beforeEach(async () => {
  database = await createDatabase({ template: false });
  log = auditLogDatabase(database.pool, 'sealog');
});
afterEach(async () => await database[Symbol.asyncDispose]());

// Processes that do so: start-up.test.ts.
test('twelve may migrate an empty database at once', async () => {
  const applied = await Promise.all(Array.from({ length: 12 }, () => migrateAll('audit', 'queue')));
  expect(applied.flat()).toEqual(await migrationNames(MIGRATIONS_FOLDER));
  await checkSchema(auditLogDatabase(database.pool, 'audit'));
  const { rows } = await database.pool.query('select name, policy from queue.queue');
  expect(rows).toContainEqual({ name: 'audit-timeout', policy: 'stately' });
});

test('migrating again changes nothing', async () => {
  expect(await migrate(log)).toEqual(await migrationNames(MIGRATIONS_FOLDER));
  const before = await schemaAsText();
  expect(await migrate(log)).toEqual([]);
  expect(await schemaAsText()).toEqual(before);
});

test('a database whose texts have escapes is migrated as any other', async () => {
  await database.pool.query(`alter database ${database.name} set standard_conforming_strings to off`);
  expect(await sealog(database.url, 'migrate')).toContain('schema pgboss (pg-boss) is up to date');
});

test('migrating again waits for nobody who reads', async () => {
  await sealog(database.url, 'migrate');
  await using reader = await connected(database.url);
  const { rows } = await database.pool.query<{ name: string }>(`
    select oid::regclass::text as name from pg_class
     where relnamespace in ('sealog'::regnamespace, 'pgboss'::regnamespace) and relkind in ('r', 'p', 'v')`);
  expect(rows.map(({ name }) => name)).toContain('sealog.activation');
  await reader.query(`begin; lock table ${rows.map(({ name }) => name).join(', ')} in access share mode`);
  expect(await sealog(database.url, 'migrate')).toMatch(/^schema sealog is up to date\n/);
});

test('a migration that fails half-way leaves nothing, and names its file', async () => {
  await using folder = await migrationsWith('0099_broken.sql', 'create table half_way (n integer); select 1/0;');
  await expect(migrate(log, folder.url)).rejects.toMatchObject({
    code: 'SEALOG_STORE',
    message: 'migration 0099_broken.sql: division by zero',
    sqlState: '22012',
  });
  const { rows } = await database.pool.query(`select from pg_class where relname in ('half_way', 'audit_log')`);
  expect(rows).toEqual([]);
  // What was wrong is mended, and the same database goes on.
  expect(await migrate(log)).toContain('0001_audit_log');
});

test('a database in another encoding than UTF-8 is refused', async () => {
  const name = `${database.name}_latin1`;
  await database.pool.query(`create database ${name} encoding 'LATIN1' locale 'C' template template0`);
  const pool = testPool({ connectionString: databaseUrl(database.url, name), max: 2 });
  try {
    await expect(migrate(auditLogDatabase(pool, 'sealog'))).rejects.toThrow('expected UTF8, got LATIN1');
  } finally {
    await pool.end();
    await database.pool.query(`drop database ${name}`);
  }
});

test('a schema newer than the code is refused and left alone', async () => {
  await using folder = await migrationsWith('9999_future.sql', 'select 1');
  await migrate(log, folder.url);
  const refusal = {
    code: 'SEALOG_SCHEMA_VERSION',
    schema: 'ahead',
    message: expect.stringMatching(/newer.*9999_future.*upgrade sealog/),
  };
  await expect(migrate(log)).rejects.toMatchObject(refusal);
  await expect(checkSchema(log)).rejects.toMatchObject(refusal);
  const worker = await spawnNode([sealogCommand, 'worker'], { env: { DATABASE_URL: database.url } });
  expect(await worker.exited).toEqual({ code: 1, signal: null });
  expect(worker.stderr).toMatch(/^sealog: database schema "sealog" is newer .*\n$/);
});

test('a database that is not migrated is told how to become so', async () => {
  await expect(checkSchema(log)).rejects.toMatchObject({
    schema: 'behind',
    message: expect.stringMatching(/lacks 0001_audit_log, .*: run `sealog migrate`/),
  });
});

test('the schema does not depend on the search path of those who use it', async () => {
  await migrate(log);
  await database.pool.query(`
    create table public.audit_log (id uuid); create sequence public.audit_log_floor start 9000000000000000;
    insert into sealog.audit_log (operation_id, actor_kind) values ('a', 'system');
    update sealog.audit_log set result_kind = 'success'`);
  const { rows } = await database.pool.query(
    `select time_completed < now() + interval '1 hour' as sane from sealog.audit_log`,
  );
  expect(rows).toEqual([{ sane: true }]);
});

/** What `sealog migrate` does, on connections of its own. Returns what it has applied. */
async function migrateAll(schema: string, queueSchema: string): Promise<readonly string[]> {
  const onError = () => {};
  const pool = openPool({ connectionString: database.url, max: 4, applicationName: 'migrating', onError });
  const own = auditLogDatabase(pool, schema);
  const queue = { schema: queueSchema, auditLogSchema: schema, logger: recordingLogger(), instanceName: 'test' };
  try {
    return await inMigrationTurn(own, async () => {
      const applied = await migrate(own);
      await restoreRules(own);
      await installQueues({ pool, ...queue });
      return applied;
    });
  } finally {
    await pool.end();
  }
}

async function schemaAsText(): Promise<unknown[]> {
  const { rows } = await database.pool.query(`
    select oid, relname, relkind, relfilenode from pg_class where relnamespace = 'sealog'::regnamespace order by oid`);
  return rows;
}

async function migrationsWith(file: string, sql: string) {
  const directory = await mkdtemp(join(tmpdir(), 'sealog-migrations-'));
  await cp(MIGRATIONS_FOLDER, directory, { recursive: true });
  await writeFile(join(directory, file), sql);
  return {
    url: pathToFileURL(`${directory}/`),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
