import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createAuditLog } from '../../src/index.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { ROLES } from '../../src/store/grants.ts';
import { readRulesState } from '../../src/store/migrated-rules.ts';
import { restoreRules } from '../../src/store/restore-rules.ts';
import { execute } from '../support/cluster.ts';
import { connected } from '../support/connection.ts';
import { checkGolden } from '../support/golden.ts';
import { refusal } from '../support/refusal.ts';
import { rightsOf } from '../support/rights.ts';
import { createRoleLogins, type RoleLogins, sealog } from '../support/role-logins.ts';

let logins: RoleLogins;
beforeAll(async () => void (logins = await createRoleLogins()));
afterAll(async () => await logins[Symbol.asyncDispose]());

test('nothing that is in the schema is run by who asks whether the rules are as migrated', async () => {
  const { pool } = logins.database;
  await using owner = await connected(logins.owner);
  // Each fits better than the function of PostgreSQL.
  await owner.query(`
    create table public.ran (who text not null default current_user); grant insert on public.ran to public;
    create function sealog.array_to_string(text[], text) returns text language sql as $$ insert into public.ran default values; select '' $$;
    create function sealog.concat(text, text, text) returns text language sql as $$ insert into public.ran default values; select '' $$;
    create function sealog.quote_ident(name) returns text language sql as $$ insert into public.ran default values; select '' $$`);
  try {
    const { off } = await readRulesState(auditLogDatabase(pool, 'sealog'));
    expect((await pool.query('select who from public.ran')).rows).toEqual([]);
    expect(off).toEqual([
      "function array_to_string(text[],text) is not sealog's",
      "function concat(text,text,text) is not sealog's",
      "function quote_ident(name) is not sealog's",
    ]);
  } finally {
    await owner.query(`drop table public.ran;
      drop function sealog.array_to_string(text[], text), sealog.concat(text, text, text), sealog.quote_ident(name)`);
  }
});

test('what was begun is compared, and completions are stamped, by what PostgreSQL brings', async () => {
  await using owner = await connected(logins.owner);
  await using service = await connected(logins.service);
  await owner.query(`
    create function sealog.same(sealog.audit_log, sealog.audit_log) returns boolean language sql return false;
    create operator sealog.*<> (leftarg = sealog.audit_log, rightarg = sealog.audit_log, function = sealog.same);
    create function sealog.pg_sequence_last_value(text) returns bigint language sql return 9000000000000000`);
  try {
    const { rows } = await service.query<{ id: string }>(
      `insert into sealog.audit_log (operation_id, actor_kind) values ('x', 'system') returning id`,
    );
    const id = `'${rows[0]!.id}'`;
    const forging = `update sealog.audit_log set result_kind = 'success', operation_id = 'y' where id = ${id}`;
    expect(await refusal(owner, forging)).toMatchObject({ constraint: 'audit_log_begun_is_kept' });
    const completing = `update sealog.audit_log set result_kind = 'success' where id = ${id}
      returning time_completed < now() + interval '1 hour' as sane`;
    expect((await service.query(completing)).rows).toEqual([{ sane: true }]);
  } finally {
    await owner.query('drop function sealog.same cascade; drop function sealog.pg_sequence_last_value(text)');
  }
});

test('what switches rules off from outside of the schema is not taken for migrated by the next migrate', async () => {
  const { pool } = logins.database;
  const [service, owner] = [new URL(logins.service).username, new URL(logins.owner).username];
  await pool.query(`
    -- In this database only: roles belong to all tests of the run.
    alter role ${service} in database ${logins.database.name} set session_replication_role to replica;
    alter default privileges for role ${owner} grant all on tables to public;
    alter default privileges for role ${owner} grant all on sequences to public;
    alter default privileges for role ${owner} grant create on schemas to sealog_service`);
  try {
    const named = `setting session_replication_role of role ${service} in database ${logins.database.name} is replica`;
    await expect(sealog(logins.owner, 'migrate')).rejects.toThrow(named);
    await expect(sealog(logins.owner, 'migrate')).rejects.toThrow(named);
    await pool.query(`
      alter role ${service} in database ${logins.database.name} reset session_replication_role;
      grant select on sealog.audit_log to public; grant select on sequence sealog.audit_log_floor to public;
      grant create on schema sealog to sealog_service`);
    expect((await readRulesState(auditLogDatabase(pool, 'sealog'))).off).toEqual([
      'schema of the audit log is open for sealog_service to create in',
      'sequence audit_log_floor is open to PUBLIC',
      'table audit_log is open to PUBLIC',
    ]);
  } finally {
    await pool.query(`
      alter role ${service} in database ${logins.database.name} reset session_replication_role;
      alter default privileges for role ${owner} revoke all on tables from public;
      alter default privileges for role ${owner} revoke all on sequences from public;
      alter default privileges for role ${owner} revoke create on schemas from sealog_service;
      revoke create on schema sealog from sealog_service`);
    await sealog(logins.owner, 'migrate');
  }
});

describe('what was granted too much', () => {
  test('is reported, and taken away by what grants prints', async () => {
    const { pool } = logins.database;
    await pool.query(`
      grant create on schema sealog, pgboss to sealog_service with grant option;
      grant all on all tables in schema sealog, pgboss to public;
      grant all on all sequences in schema sealog to public;
      grant update (details) on sealog.audit_log to public;
      grant all on all tables in schema pgboss to sealog_service, sealog_reader with grant option`);
    await using service = await connected(logins.service);
    await service.query('set role sealog_service; grant create on schema sealog to sealog_reader');

    const { off } = await readRulesState(auditLogDatabase(pool, 'sealog'));
    expect(off).toContain('table audit_log is open to PUBLIC');
    expect(off).toContain('sequence audit_log_floor is open to PUBLIC');
    expect(off.find((rule) => rule.startsWith('schema of the audit log'))).toContain('sealog_service');

    await execute(logins.owner, await sealog(logins.owner, 'grants'));
    expect(await readRulesState(auditLogDatabase(pool, 'sealog'))).toMatchObject({ off: [] });
    for (const role of ['public', ...ROLES]) {
      await checkGolden(`rights-${role}`, `${(await rightsOf(pool, role, ['pgboss', 'sealog'])).join('\n')}\n`);
    }
  });

  test('is named with who passed it on, where the owner cannot take it away', async () => {
    const { pool } = logins.database;
    const other = `other_${logins.database.name}`;
    await pool.query(`
      create role ${other};
      grant usage, create on schema sealog to ${other} with grant option;
      grant select, trigger on sealog.audit_log to ${other} with grant option;
      grant execute on function sealog.audit_log_stamp() to ${other} with grant option;
      set role ${other};
      grant create on schema sealog to sealog_reader;
      grant select, trigger on sealog.audit_log to sealog_service, public;
      grant execute on function sealog.audit_log_stamp() to public;
      reset role`);
    try {
      const off = [
        `function audit_log_stamp() is executable by PUBLIC, granted by ${other}`,
        expect.stringMatching(`^schema of the audit log is open for ${other} to create in, .*, granted by ${other}$`),
        `table audit_log is open to PUBLIC, granted by ${other}`,
      ];
      expect((await readRulesState(auditLogDatabase(pool, 'sealog'))).off).toEqual(off);
      const { left } = await restoreRules(auditLogDatabase(pool, 'sealog'));
      expect(left).toHaveLength(3);
      for (const line of left) expect(line).toContain(`: to undo it, revoke it from ${other}, which passed it on`);
      await using owner = await connected(logins.owner);
      const results = (await owner.query(await sealog(logins.owner, 'grants'))) as unknown as pg.QueryResult[];
      expect(results.find(({ command }) => command === 'SELECT')!.rows).toEqual(
        expect.arrayContaining([
          { object: 'schema sealog', right: 'CREATE', role: 'sealog_reader', 'granted by': other },
          { object: 'table sealog.audit_log', right: 'TRIGGER', role: 'sealog_service', 'granted by': other },
          { object: 'function sealog.audit_log_stamp()', right: 'EXECUTE', role: 'PUBLIC', 'granted by': other },
        ]),
      );
    } finally {
      await pool.query(`drop owned by ${other} cascade; drop role ${other}`);
    }
    expect((await readRulesState(auditLogDatabase(pool, 'sealog'))).off).toEqual([]);
  });

  test('does not hand the log to the role that owns the most tables in its schema', async () => {
    const { pool } = logins.database;
    const tables = Array.from({ length: 30 }, (_, index) => `sealog.mine_${index}`);
    for (const table of tables) {
      await pool.query(`create table ${table} (); alter table ${table} owner to ${new URL(logins.service).username}`);
    }
    await restoreRules(auditLogDatabase(pool, 'sealog'));
    const { rows } = await pool.query<{ owner: string }>(
      `select distinct tableowner as owner from pg_tables where schemaname = 'sealog' and tablename not like 'mine%'`,
    );
    expect(rows).toEqual([{ owner: new URL(logins.owner).username }]);
    await pool.query(`drop table ${tables.join(', ')}`);
  });
});

test('default privileges that were hardened later take nothing from a service with grants of its own', async () => {
  const { pool } = logins.database;
  const owner = new URL(logins.owner).username;
  await pool.query(`alter default privileges for role ${owner} revoke execute on functions from public`);
  try {
    expect(await sealog(logins.owner, 'migrate')).not.toContain('put back');
    const { rows } = await pool.query(
      `select has_function_privilege('public', 'sealog.audit_log_uuid()', 'execute') as may`,
    );
    expect(rows).toEqual([{ may: true }]);
  } finally {
    await pool.query(`alter default privileges for role ${owner} grant execute on functions to public`);
  }
});

test('the roles work where functions are not open to PUBLIC, as with hardened default privileges', async () => {
  await using own = await createRoleLogins();
  await own.database.pool.query('revoke execute on all functions in schema sealog from public');
  await using auditLog = createAuditLog({ connectionString: own.service });
  const { id } = await auditLog.begin({ operationId: 'hardened', actor: { kind: 'system' } });
  expect(await auditLog.complete(id, { kind: 'success' })).toMatchObject({ status: 'completed' });
  expect(await sealog(own.reader, 'list', '--format', 'jsonl')).toContain(id);
  expect(JSON.parse(await sealog(own.worker, 'status', '--json'))).toMatchObject({ horizonHeldBy: null });
});
