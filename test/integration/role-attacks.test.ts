import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createAuditLog } from '../../src/index.ts';
import { ROLES } from '../../src/store/grants.ts';
import { connected } from '../support/connection.ts';
import { refusal } from '../support/refusal.ts';
import { createRoleLogins, type RoleLogins, sealog } from '../support/role-logins.ts';

let logins: RoleLogins;
beforeAll(async () => void (logins = await createRoleLogins()));
afterAll(async () => await logins[Symbol.asyncDispose]());

describe.each(ROLES)('%s', (role) => {
  const url = () => logins[role.replace('sealog_', '') as 'service' | 'reader' | 'worker'];

  test('cannot attach what runs as the owner to a table of its own', async () => {
    await using client = await connected(url());
    await client.query('create temporary table mine (id integer)');
    for (const name of ['audit_log_on_insert', 'audit_log_on_update']) {
      const attach = `create trigger mine before insert on mine for each row execute function sealog.${name}()`;
      expect(await refusal(client, attach)).toMatchObject({ code: '42501' });
    }
  });
});

test('a worker cannot store what the owner will run: the next migrate runs nothing of it', async () => {
  await using client = await connected(logins.worker);
  const columns = Object.entries({
    name: 'mine',
    policy: 'standard',
    retry_limit: 0,
    retry_delay: 0,
    retry_backoff: false,
    expire_seconds: 60,
    retention_seconds: 60,
    deletion_seconds: 60,
    partition: true,
  });
  const names = columns.map(([name]) => name);
  const values = columns.map(([, value]) => value);
  const insert = `insert into pgboss.queue (${names.join(', ')}, table_name)
    values (${names.map((_, index) => `$${index + 1}`).join(', ')}, $${names.length + 1})`;
  for (const table of ['job_common (name); create role intruder; --', 'JOB', '', 'sealog.audit_log', 'j'.repeat(57)]) {
    expect(await refusal(client, insert, [...values, table])).toMatchObject({
      code: '23514',
      constraint: 'sealog_queue_table_name',
    });
  }
  await sealog(logins.owner, 'migrate');
});

describe('somebody who may create in a schema of the search path', () => {
  // What is called in these traps writes down by whom.
  const TRAPS = `
    create table public.trapped (who text not null default current_user);
    grant insert on public.trapped to public;
    create function public.trap() returns void language sql as 'insert into public.trapped default values';
    create function public.hashtextextended(text, integer) returns bigint language sql as $$ select public.trap(); select 1::bigint $$;
    create function public.to_json(timestamp) returns json language sql as $$ select public.trap(); select '"x"'::json $$;
    create function public.make_interval(secs integer) returns interval language sql as $$ select public.trap(); select interval '1 s' $$;
    create function public.make_interval(secs numeric) returns interval language sql as $$ select public.trap(); select interval '1 s' $$;
    create function public.joined(name, name) returns name language sql as $$ select public.trap(); select $1 $$;
    create operator public.|| (leftarg = name, rightarg = name, function = public.joined)`;
  const REMOVE = `drop operator public.|| (name, name); drop table public.trapped;
    drop function public.joined, public.trap, public.hashtextextended(text, integer), public.to_json(timestamp),
      public.make_interval(integer), public.make_interval(numeric)`;

  test('has nothing of it run by the owner who migrates, nor by services and readers', async () => {
    const { pool } = logins.database;
    await pool.query(`grant create on schema public to ${new URL(logins.service).username}`);
    await using attacker = await connected(logins.service);
    await attacker.query(TRAPS);
    try {
      // The traps work.
      await pool.query(`select hashtextextended('x', 0)`);
      expect((await pool.query('select from public.trapped')).rowCount).toBe(1);
      await pool.query('delete from public.trapped');

      await sealog(logins.owner, 'migrate');
      await using service = createAuditLog({ connectionString: logins.service });
      await service.record({ operationId: 'x', actor: { kind: 'system' } }, () => {});
      await using reader = createAuditLog({ connectionString: logins.reader });
      const { entries } = await reader.list({ operationId: 'x' });
      await reader.find(entries[0]!.id);
      for await (const entry of reader.entries({ follow: true, from: entries[0]!.timeCompleted })) {
        if (entry.operationId === 'x') break;
      }
      expect((await pool.query('select who from public.trapped')).rows).toEqual([]);
    } finally {
      await attacker.query(REMOVE);
    }
  });
});

describe('a refusal shows nothing of the entry that is refused', () => {
  const SECRET = 'SECRET';
  const begun = {
    operation_id: `${SECRET}-operation`,
    actor_kind: 'user',
    actor_id: `${SECRET}-actor`,
    tenant_id: `${SECRET}-tenant`,
    request_uri: `/${SECRET}`,
    resource_type: `${SECRET}-type`,
    resource_id: `${SECRET}-resource`,
    details: JSON.stringify({ [SECRET]: true }),
  };
  // Every column that a service may name, so that PostgreSQL may show each in the detail of an error.
  const named = ['operation_id', 'actor_kind', 'actor_id', 'tenant_id', 'request_uri', 'instance_id', 'user_agent'];
  let incomplete: string;
  let timedOut: string;
  beforeAll(async () => {
    const { pool } = logins.database;
    const names = Object.keys(begun);
    const insert = `insert into sealog.audit_log (${names.join(', ')})
      values (${names.map((_, index) => `$${index + 1}`).join(', ')}) returning id`;
    const begin = async () => (await pool.query<{ id: string }>(insert, Object.values(begun))).rows[0]!.id;
    [incomplete, timedOut] = [await begin(), await begin()];
    await pool.query(`update sealog.audit_log set result_kind = 'timeout' where id = $1`, [timedOut]);
  });

  const WRONG: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['audit_log_result_kind_known', { result_kind: 'done' }],
    ['audit_log_http_status_code_range', { result_kind: 'success', http_status_code: 99 }],
    ['audit_log_success_has_no_error', { result_kind: 'success', error_message: 'no' }],
    ['audit_log_error_has_message', { result_kind: 'error' }],
    ['audit_log_timeout_has_no_outcome', { result_kind: 'timeout', http_status_code: 200 }],
    ['audit_log_text_length', { result_kind: 'error', error_message: 'no', error_code: 'x'.repeat(513) }],
    ['audit_log_text_length', { result_kind: 'success', resource_type: 'x'.repeat(513) }],
    ['audit_log_error_message_length', { result_kind: 'error', error_message: 'x'.repeat(4097) }],
    ['audit_log_details_size', { result_kind: 'success', details: JSON.stringify('x'.repeat(16_384)) }],
  ];
  const shown = ({ message, detail, hint, where, internalQuery }: pg.DatabaseError): string =>
    JSON.stringify({ message, detail, hint, where, internalQuery });

  test.each(WRONG)('%s, of a completion', async (rule, outcome) => {
    await using client = await connected(logins.service);
    const given: Record<string, unknown> = { resource_type: null, resource_id: null, details: null, ...outcome };
    const sets = Object.keys(given).map((name, index) => `${name} = $${index + 2}`);
    const error = await refusal(client, `update sealog.audit_log set ${sets.join(', ')} where id = $1`, [
      incomplete,
      ...Object.values(given),
    ]);
    expect(error).toMatchObject({ code: '23514', constraint: rule });
    expect(shown(error)).not.toContain(SECRET);
  });

  test.each(WRONG)('%s, of an amendment', async (rule, outcome) => {
    await using client = await connected(logins.service);
    const empty = Object.fromEntries([...named, 'resource_type', 'resource_id', 'details'].map((name) => [name, null]));
    const given: Record<string, unknown> = { ...empty, ...outcome, amends: timedOut };
    const names = Object.keys(given);
    const error = await refusal(
      client,
      `insert into sealog.audit_log (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
      Object.values(given),
    );
    expect(error).toMatchObject({ code: '23514', constraint: rule });
    expect(shown(error)).not.toContain(SECRET);
  });

  test.each([
    [
      'an amendment whose id is null',
      `insert into sealog.audit_log (id, operation_id, actor_id, details, amends, result_kind) values (null, null, null, null, $2, 'success')`,
    ],
    ['an amendment without an outcome', 'insert into sealog.audit_log (amends, operation_id) values ($2, null)'],
    [
      'an amendment of what did not time out',
      `insert into sealog.audit_log (amends, result_kind) values ($1, 'success')`,
    ],
    ['a completion of a completed entry', `update sealog.audit_log set result_kind = 'success' where id = $2`],
    [
      'a resource without its type',
      `insert into sealog.audit_log (operation_id, actor_kind, resource_id) values ('x', 'system', 'y')`,
    ],
  ])('%s', async (_, statement) => {
    await using client = await connected(logins.service);
    // As a version of the library that sends ids.
    await logins.database.pool.query('grant insert (id) on sealog.audit_log to sealog_service');
    const error = await refusal(client, statement.replace('$1', `'${incomplete}'`).replace('$2', `'${timedOut}'`));
    expect(shown(error)).not.toContain(SECRET);
  });

  test('what a valid completion leaves out is kept, and the resource as a whole', async () => {
    const { pool } = logins.database;
    await using client = await connected(logins.service);
    await client.query(
      `update sealog.audit_log set result_kind = 'success', details = null, resource_type = null, resource_id = 'r2' where id = $1`,
      [incomplete],
    );
    const { rows } = await pool.query(
      `select details, resource_type, resource_id from sealog.audit_log where id = $1`,
      [incomplete],
    );
    expect(rows).toEqual([{ details: { [SECRET]: true }, resource_type: begun.resource_type, resource_id: 'r2' }]);
  });
});
