import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { auditLogDatabase } from '../../src/store/database.ts';
import { claimSchema, type SendText } from '../../src/store/foreign-objects.ts';
import { migrate } from '../../src/store/migrate.ts';
import { readRulesState } from '../../src/store/migrated-rules.ts';
import type { QueuePool } from '../../src/worker/boss.ts';
import { checkBeforeTie } from '../../src/worker/queue-tie.ts';
import { connected, testPool } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { sealog } from '../support/role-logins.ts';

let database: TestDatabase;
let owner: string;
let stranger: string;
let ownerUrl: string;
let strangerUrl: string;

// A stranger may create schemas in the database, as the owner may, and what is called in its traps writes down by whom.
beforeEach(async () => {
  database = await createDatabase({ template: false });
  const suffix = randomBytes(4).toString('hex');
  [owner, stranger] = [`test_owner_${suffix}`, `test_stranger_${suffix}`];
  [ownerUrl, strangerUrl] = [owner, stranger].map((name) => {
    const url = new URL(database.url);
    [url.username, url.password] = [name, suffix];
    return url.href;
  }) as [string, string];
  await database.pool.query(`
    create role ${owner} login password '${suffix}'; create role ${stranger} login password '${suffix}';
    grant create on database ${database.name} to ${owner}, ${stranger}`);
  await asStranger(`
    create schema trap; grant usage on schema trap to public;
    create table trap.ran (who text not null default current_user); grant insert on trap.ran to public;
    create function trap.fires() returns trigger language plpgsql as 'begin insert into trap.ran default values; return new; end';
    create function trap.holds() returns boolean language plpgsql as 'begin insert into trap.ran default values; return true; end'`);
});
afterEach(async () => {
  await database.pool.query(`drop owned by ${owner}, ${stranger} cascade; drop role ${owner}, ${stranger}`);
  await database[Symbol.asyncDispose]();
});

async function asStranger(text: string): Promise<void> {
  await using client = await connected(strangerUrl);
  await client.query(text);
}

async function rows(text: string): Promise<pg.QueryResultRow[]> {
  return (await database.pool.query(text)).rows;
}

async function refusal(url: string): Promise<string> {
  const error = await sealog(url, 'migrate').then(
    (printed) => new Error(`it was not refused: ${printed}`),
    (thrown: unknown) => thrown as Error,
  );
  expect(await rows('select who from trap.ran')).toEqual([]);
  return error.message;
}

describe('what somebody made before the first migration is refused, and nothing of it is run', () => {
  const MIGRATION = `create table sealog.migration (name varchar(255) primary key, timestamp varchar(255) not null);
    create trigger fires before insert on sealog.migration for each row execute function trap.fires();
    grant all on sealog.migration to public`;
  const SEALOG_QUEUE = `create table pgboss.sealog_queue (only_row boolean primary key default true, audit_log_schema text not null);
    insert into pgboss.sealog_queue values (true, 'nothing');
    create trigger fires before insert on pgboss.sealog_queue for each row execute function trap.fires();
    alter table pgboss.sealog_queue enable row level security;
    create policy holds on pgboss.sealog_queue using (trap.holds()); grant all on pgboss.sealog_queue to public`;
  const made = (schema: string, more: string) =>
    `create schema ${schema}; grant all on schema ${schema} to public; ${more}`;

  test.each([
    ['an empty schema of the audit log', 'sealog', ''],
    ['a table of migrations', 'sealog', MIGRATION],
    ['an empty schema of the queue', 'pgboss', ''],
    ['a table that names the audit log', 'pgboss', SEALOG_QUEUE],
  ])('%s', async (_, schema, more) => {
    await asStranger(made(schema, more));
    expect(await refusal(ownerUrl)).toContain(
      `migrate: expected schema ${schema} and all in it to belong to ${owner}, who migrates, to a role it is a member of, ` +
        `or to a superuser; schema ${schema} belongs to ${stranger}`,
    );
    // A superuser is a member of every role.
    expect(await refusal(database.url)).toContain(
      `migrate: expected schema ${schema} and all in it to belong to postgres, or to another superuser; ` +
        `schema ${schema} belongs to ${stranger}: if it should, migrate as ${stranger}`,
    );
  });

  test.each([
    ['a table', 'create table sealog.queue ()', /; table sealog\.queue belongs to /],
    [
      'a function',
      'create function sealog.mine() returns integer language sql return 1',
      /; function sealog\.mine\(\) bel/,
    ],
    [
      'an operator',
      'create operator sealog.+ (rightarg = text, function = upper)',
      /; operator sealog\.\+\(NONE,text\) bel/,
    ],
    ['a type', `create domain sealog.mine as text`, /; type sealog\.mine belongs to /],
  ])('%s in a schema of the owner', async (_, statement, expected) => {
    await database.pool.query(`create schema sealog authorization ${owner}; grant all on schema sealog to ${stranger}`);
    await asStranger(statement);
    expect(await refusal(ownerUrl)).toMatch(expected);
  });
});

test('what was hung on the tables that a migration writes is refused before any of them is written', async () => {
  await sealog(ownerUrl, 'migrate');
  for (const table of [
    'sealog.migrated_rule',
    'sealog.migration',
    'sealog.queue',
    'pgboss.queue',
    'pgboss.sealog_queue',
  ]) {
    await database.pool.query(`
      delete from sealog.migrated_rule where kind = 'key';
      grant usage on schema sealog, pgboss to ${stranger}; grant trigger on ${table} to ${stranger}`);
    await asStranger(`
      create trigger fires before insert or update or delete on ${table} for each statement execute function trap.fires()`);
    expect(await refusal(ownerUrl)).toContain(
      `migrate: expected nothing to run when schema ${table.split('.')[0]} is migrated, got trigger fires on table ${table}: drop it first`,
    );
    await database.pool.query(`drop trigger fires on ${table}`);
  }
});

test('a superuser is told to migrate as the owner, whose functions could run as the superuser', async () => {
  await sealog(ownerUrl, 'migrate');
  expect(await refusal(database.url)).toContain(
    `; schema pgboss belongs to ${owner}: if it should, migrate as ${owner}\n`,
  );
});

describe('is migrated', () => {
  test('a schema that a superuser has made for the owner', async () => {
    await database.pool.query(`create schema sealog; grant all on schema sealog to ${owner}`);
    await sealog(ownerUrl, 'migrate');
    await sealog(ownerUrl, 'migrate');
    expect(await readRulesState(auditLogDatabase(database.pool, 'sealog'))).toEqual({ off: [], unread: null });
  });

  test('a schema of a role of which the one that migrates is a member', async () => {
    await database.pool.query(`create schema pgboss authorization ${stranger}; grant ${stranger} to ${owner}`);
    await sealog(ownerUrl, 'migrate');
    expect(await sealog(ownerUrl, 'migrate')).toContain('schema pgboss (pg-boss) is up to date');
  });

  test('the schema public, which belongs to whom the database belongs to', async () => {
    await database.pool.query(`
      alter schema public owner to pg_database_owner; alter database ${database.name} owner to ${owner}`);
    const pool = testPool({ connectionString: ownerUrl });
    try {
      const log = auditLogDatabase(pool, 'public');
      await migrate(log);
      await migrate(log);
      expect(await readRulesState(log)).toEqual({ off: [], unread: null });
    } finally {
      await pool.end();
      await database.pool.query(`alter database ${database.name} owner to postgres`);
    }
  });
});

test('a schema that somebody makes and drops while it is claimed is not taken for one of ours', async () => {
  await using client = await connected(ownerUrl);
  let sent = 0;
  const send: SendText = async (statement) => {
    // Missing at first; there when it would be made; gone again.
    if (++sent === 2) await asStranger('create schema sealog');
    const answer = await client.query(statement);
    if (sent === 2) await asStranger('drop schema sealog');
    return answer;
  };
  await expect(claimSchema(send, 'sealog')).rejects.toThrow('expected schema sealog to stay');
});

test('a queue that was not there when its owner was looked for is not read', async () => {
  await sealog(ownerUrl, 'migrate');
  const owned = testPool({ connectionString: ownerUrl });
  const texts: string[] = [];
  const pool: QueuePool = {
    async query(statement) {
      texts.push(statement.text);
      const answer = await owned.query(statement);
      if (texts.length === 2)
        await asStranger(`create schema later; create table later.sealog_queue (audit_log_schema text)`);
      return answer;
    },
  };
  const queue = { pool, schema: 'later', auditLogSchema: 'sealog', logger: recordingLogger(), instanceName: 'x' };
  // The log has a queue already, so its own is looked for first: forget it.
  await database.pool.query('delete from sealog.queue');
  await expect(checkBeforeTie(queue)).rejects.toThrow(`belongs to ${stranger}`);
  expect(texts.filter((text) => text.includes('"later".sealog_queue'))).toEqual([]);
  await owned.end();
});
