import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { auditLogDatabase } from '../../src/store/database.ts';
import { describeRule, readRuleDifferences, readRulesState } from '../../src/store/migrated-rules.ts';
import { migrate } from '../../src/store/migrate.ts';
import { restoreRules } from '../../src/store/restore-rules.ts';
import { sealogCommand } from '../support/command.ts';
import { connected, testPool } from '../support/connection.ts';
import { createDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';
import { createRoleLogins, sealog } from '../support/role-logins.ts';
import { schemaBreaks } from '../support/schema-breaks.ts';

// What there is to break is read from the catalog, before the tests are named.
const database = await createDatabase();
const log = auditLogDatabase(database.pool, 'sealog');
const mallory = `mallory_${database.name}`;
await database.pool.query(`create role ${mallory}; grant usage on schema sealog to ${mallory}`);
const breaks = await schemaBreaks(database.pool, database.name, mallory);
afterAll(async () => {
  await database.pool.query(`drop owned by ${mallory}; drop role ${mallory}`);
  await database[Symbol.asyncDispose]();
});

/** Long enough for a machine that is busy with other things. */
const HOLD_MS = 30_000;

async function off(): Promise<string[]> {
  return (await readRuleDifferences(log)).map((each) => describeRule(each));
}

test('a database as it was migrated has nothing to report, and migrating again has nothing to put back', async () => {
  expect(await readRulesState(log)).toEqual({ off: [], unread: null });
  expect(await restoreRules(log)).toEqual({ restored: [], left: [] });
});

test.each(breaks.filter(({ left }) => left === undefined))('seen and put back: $what', async ({ statement, seen }) => {
  await database.pool.query(statement);
  expect(await off()).toContainEqual(expect.stringContaining(seen));
  expect(await restoreRules(log, HOLD_MS)).toEqual({
    restored: expect.arrayContaining([expect.stringContaining(seen.replace(' is ', ' was '))]),
    left: [],
  });
});

test.each(breaks.filter(({ left }) => left !== undefined))(
  'seen and left: $what',
  async ({ statement, seen, left }) => {
    await database.pool.query(statement);
    expect(await off()).toEqual([seen]);
    const done = await restoreRules(log, HOLD_MS);
    expect(done).toEqual({ restored: [], left: [expect.stringContaining(`${seen}: `)] });
    expect(done.left[0]).toContain(left!.why);
    await database.pool.query(left!.undo);
  },
);

// What was put back is read again by `restoreRules` itself, each time.
test('after all of that nothing is off', async () => {
  expect(await off()).toEqual([]);
});

test('a view that shows the table of another schema under the same name is seen', async () => {
  await using own = await createDatabase();
  const ownLog = auditLogDatabase(own.pool, 'sealog');
  await own.pool.query(`
    create schema evil; create table evil.audit_log (like sealog.audit_log);
    do $$ begin execute 'create or replace view sealog.audit_log_complete as ' ||
      regexp_replace(pg_get_viewdef('sealog.audit_log_complete'::regclass), 'sealog[.]audit_log\\M', 'evil.audit_log', 'g'); end $$`);
  expect((await readRulesState(ownLog)).off).toEqual(['view audit_log_complete is not as migrated']);
  expect(await restoreRules(ownLog, HOLD_MS)).toEqual({
    restored: ['view audit_log_complete was not as migrated'],
    left: [],
  });
});

test('what was dropped with what was in it is left to a restore, and what belonged to it is not listed', async () => {
  await using own = await createDatabase();
  const ownLog = auditLogDatabase(own.pool, 'sealog');
  await own.pool.query(`
    drop table sealog.replica; drop sequence sealog.audit_log_sealed; alter table sealog.audit_log drop column user_agent cascade`);
  const { restored, left } = await restoreRules(ownLog, HOLD_MS);
  expect(restored).toEqual([]);
  expect(left).toEqual([
    'column user_agent on audit_log is missing: it cannot be made anew without what was in it: restore the database',
    expect.stringMatching(/^constraint audit_log_user_agent_length .*: column "user_agent" does not exist; tried: /),
    'sequence audit_log_sealed is missing: it cannot be made anew without what was in it: restore the database',
    'table replica is missing: it cannot be made anew without what was in it: restore the database',
    expect.stringMatching(/^view audit_log_complete is missing: column .*user_agent"? does not exist; tried: /),
  ]);
});

describe('what is no rule', () => {
  test('tables, columns, indexes and constraints of somebody else are not reported, nor functions elsewhere or of an extension', async () => {
    await using own = await createDatabase();
    await own.pool.query(`
      set search_path to sealog;
      create extension hstore;
      create table mine (id integer primary key, entry uuid references audit_log);
      create function public.mine() returns trigger language plpgsql as 'begin return new; end';
      create trigger mine before insert on mine for each row execute function public.mine();
      alter table mine enable row level security;
      alter table audit_log add column region text not null default 'eu', add constraint region_known check (region <> '');
      create index mine_by_actor on audit_log (actor_id, time_completed, id);
      create unique index mine_by_request on audit_log (request_id, id);
      alter table audit_log set (autovacuum_vacuum_threshold = 1), alter actor_id set statistics 1000;
      comment on table audit_log is 'ours';
      revoke execute on function audit_log_clock() from public`);
    expect(await readRulesState(auditLogDatabase(own.pool, 'sealog'))).toEqual({ off: [], unread: null });
  });
});

test('neither the name of the schema nor the settings of a role make a difference', async () => {
  await using own = await createDatabase({ template: false });
  const settings = {
    quote_all_identifiers: 'on',
    datestyle: 'German',
    timezone: 'Asia/Kolkata',
    intervalstyle: 'sql_standard',
    extra_float_digits: '-5',
    bytea_output: 'escape',
    standard_conforming_strings: 'off',
    search_path: 'public, other_name',
    default_transaction_isolation: 'serializable',
    check_function_bodies: 'off',
  };
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`);
  const odd = testPool({ connectionString: own.url, options: options.join(' ') });
  try {
    for (const [migrates, reads, schema] of [
      [odd, own.pool, 'other_name'],
      [own.pool, odd, 'another'],
    ] as const) {
      await migrate(auditLogDatabase(migrates, schema));
      expect(await readRulesState(auditLogDatabase(reads, schema))).toEqual({ off: [], unread: null });
      await reads.query(`alter table ${schema}.audit_log disable trigger all`);
      expect(await restoreRules(auditLogDatabase(reads, schema), HOLD_MS)).toMatchObject({ left: [] });
      expect(await readRulesState(auditLogDatabase(migrates, schema))).toEqual({ off: [], unread: null });
    }
  } finally {
    await odd.end();
  }
});

test('several rules at once, which need each other', async () => {
  await using own = await createDatabase();
  const ownLog = auditLogDatabase(own.pool, 'sealog');
  await own.pool.query(`
    drop function sealog.audit_log_on_update() cascade;
    drop function sealog.audit_log_stamp();
    drop function sealog.audit_log_clock() cascade;
    alter table sealog.audit_log disable trigger all;
    alter table sealog.audit_log drop constraint audit_log_pkey cascade`);
  const { restored, left } = await restoreRules(ownLog, HOLD_MS);
  expect(left).toEqual([]);
  expect(restored).toContain(
    'function audit_log_stamp() was missing; what was granted on it is gone: run what `sealog grants` prints',
  );
  expect(await readRulesState(ownLog)).toEqual({ off: [], unread: null });
  // Made anew it is not open to everybody.
  const { rows } = await own.pool.query(
    `select has_function_privilege('public', 'sealog.audit_log_stamp()', 'execute') as open`,
  );
  expect(rows).toEqual([{ open: false }]);
  // Nor was it for a moment.
  expect(restored.filter((rule) => rule.includes('PUBLIC'))).toEqual([]);
});

describe('rows that break a rule which was off', () => {
  test('are named by their ids, and the rule holds for new ones', async () => {
    await using own = await createDatabase();
    const ownLog = auditLogDatabase(own.pool, 'sealog');
    const insert = `insert into sealog.audit_log (operation_id, actor_kind, actor_id) values ('x', 'robot', 'r2') returning id`;
    await own.pool.query('alter table sealog.audit_log drop constraint audit_log_actor_kind_known');
    const { rows } = await own.pool.query<{ id: string }>(insert);
    const { restored, left } = await restoreRules(ownLog, HOLD_MS);
    expect(restored).toEqual([]);
    expect(left).toEqual([
      expect.stringContaining('constraint audit_log_actor_kind_known on audit_log is not valid: '),
    ]);
    expect(left[0]).toContain(`(broken by ${rows[0]!.id})`);
    await expect(own.pool.query(insert)).rejects.toMatchObject({ constraint: 'audit_log_actor_kind_known' });
  });

  test('are named by their key', async () => {
    await using own = await createDatabase();
    const ownLog = auditLogDatabase(own.pool, 'sealog');
    await using client = await connected(own.url);
    await client.query(`
      alter table sealog.audit_log drop constraint audit_log_pkey;
      insert into sealog.audit_log (id, operation_id, actor_kind)
      values ('0193a5c2-0000-7000-8000-000000000010', 'x', 'system'), ('0193a5c2-0000-7000-8000-000000000010', 'x', 'system')`);
    const { left } = await restoreRules(ownLog, HOLD_MS);
    expect(left).toEqual([
      expect.stringMatching(/^constraint audit_log_pkey on audit_log is missing: could not create/),
    ]);
    expect(left[0]).toContain('Key (id)=(0193a5c2-0000-7000-8000-000000000010) is duplicated');
    expect(left[0]).toContain('tried: alter table "audit_log" add constraint "audit_log_pkey" PRIMARY KEY (id)');
  });
});

test('a rule that is locked is left with its statement, and writers do not wait any longer', async () => {
  await using own = await createDatabase();
  await using holder = await connected(own.url);
  await own.pool.query('alter table sealog.audit_log disable trigger audit_log_delete');
  await holder.query(`begin; insert into sealog.audit_log (operation_id, actor_kind) values ('x', 'system')`);
  expect(await restoreRules(auditLogDatabase(own.pool, 'sealog'))).toEqual({
    restored: [],
    left: [
      'trigger audit_log_delete on audit_log is disabled: canceling statement due to statement timeout; ' +
        'tried: alter table "audit_log" enable trigger "audit_log_delete"',
    ],
  });
});

test('what somebody wrote into the record is not believed by migrate', async () => {
  await using own = await createDatabase();
  const ownLog = auditLogDatabase(own.pool, 'sealog');
  await own.pool.query('delete from sealog.migrated_rule');
  expect((await readRulesState(ownLog)).off).toEqual(['record of the rules is missing']);
  await own.pool.query('drop trigger audit_log_delete on sealog.audit_log');
  await migrate(ownLog);
  await own.pool.query(`delete from sealog.migrated_rule where name = 'audit_log_delete'`);
  expect((await readRulesState(ownLog)).off).toEqual([]);
  await migrate(ownLog);
  expect((await readRulesState(ownLog)).off).toEqual(['trigger audit_log_delete on audit_log is missing']);
});

describe('roles', () => {
  test('one that may not read the record says so, and the owner who may create no schema says why not', async () => {
    await using logins = await createRoleLogins();
    const reader = testPool({ connectionString: logins.reader });
    const owner = testPool({ connectionString: logins.owner });
    try {
      expect(await readRulesState(auditLogDatabase(reader, 'sealog'))).toEqual({
        off: [],
        unread:
          'compare the rules with the migrations: permission denied for table migrated_rule; run what `sealog grants` prints',
      });
      await logins.database.pool.query(`alter database ${logins.database.name} owner to postgres`);
      await expect(migrate(auditLogDatabase(owner, 'sealog'))).rejects.toMatchObject({
        sqlState: '42501',
        message: expect.stringMatching(/^read the rules of the migrations .*: permission denied for database/),
      });
    } finally {
      await Promise.all([reader.end(), owner.end()]);
    }
  });
});

describe('sealog migrate', () => {
  afterEach(async () => await database.pool.query('drop trigger if exists "\u001B[2K" on sealog.audit_log'));

  test('prints a line for each rule that it put back, and ends with 1 and the reasons for the others', async () => {
    await database.pool.query(`
      alter table sealog.audit_log disable trigger audit_log_delete;
      alter table sealog.migrated_rule drop constraint migrated_rule_pkey;
      create trigger "\u001B[2K" before insert on sealog.audit_log
        for each row execute function suppress_redundant_updates_trigger()`);
    await using migrating = await spawnNode([sealogCommand, 'migrate'], { env: { DATABASE_URL: database.url } });
    expect(await migrating.exited).toEqual({ code: 1, signal: null });
    expect(migrating.stdout).toBe(
      'put back: constraint migrated_rule_pkey on migrated_rule was missing\n' +
        'put back: trigger audit_log_delete on audit_log was disabled\nschema pgboss (pg-boss) is up to date\n',
    );
    expect(migrating.stderr).toBe(
      'sealog: rules of the audit log are off:\n' +
        `  - trigger \\u{1b}[2K on audit_log is not sealog's: somebody added it; to undo it: drop trigger "\\u{1b}[2K" on "sealog"."audit_log"\n`,
    );
    await database.pool.query('drop trigger "\u001B[2K" on sealog.audit_log');
    expect(await sealog(database.url, 'migrate')).toMatch(/^schema sealog is up to date\n/);
  });
});
