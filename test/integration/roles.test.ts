import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { connected } from '../support/connection.ts';
import { insertEntries } from '../support/entries.ts';
import { createRoleLogins, type RoleLogins } from '../support/role-logins.ts';

let logins: RoleLogins;
beforeAll(async () => void (logins = await createRoleLogins()));
afterAll(async () => await logins[Symbol.asyncDispose]());

type Role = 'service' | 'reader' | 'worker';
const NO_RIGHT = '42501';

/** Runs a statement in a transaction that is undone; the SQLSTATE when it is refused, or `done`. */
async function attempt(client: pg.Client, statement: string): Promise<string> {
  await client.query('begin');
  try {
    await client.query(statement);
    return 'done';
  } catch (error) {
    return (error as pg.DatabaseError).code ?? String(error);
  } finally {
    await client.query('rollback');
  }
}

// Of each role, what it does all day, and beside it what would break a promise or tell it what it need not know.
const CANNOT_BY_ANYONE = [
  'delete from sealog.audit_log',
  'truncate sealog.audit_log',
  'drop table sealog.audit_log',
  'alter table sealog.audit_log disable trigger all',
  'alter table sealog.audit_log disable trigger audit_log_complete',
  'drop trigger audit_log_complete on sealog.audit_log',
  'create trigger mine before update on sealog.audit_log for each row execute function suppress_redundant_updates_trigger()',
  `set session_replication_role = 'replica'`,
  `select setval('sealog.audit_log_floor', 1)`,
  `select setval('sealog.audit_log_sealed', 9000000000000000)`,
  `select nextval('sealog.audit_log_sealed')`,
  `update sealog.audit_log_published set sealed = now() + interval '1 year'`,
  `insert into sealog.audit_log_published (sealed) values (now() + interval '1 year')`,
  'delete from sealog.audit_log_published',
  'select sealog.audit_log_stamp()',
  'create or replace function sealog.audit_log_clock() returns timestamptz language sql return now()',
  'alter function sealog.audit_log_seal(timestamptz) set search_path to pg_temp',
  'create table sealog.mine ()',
  'create view sealog.mine as select 1',
  'delete from sealog.migration',
  `update sealog.migrated_rule set definition = 'create role mine'`,
  `insert into sealog.migrated_rule (kind, name, relation, definition) values ('function', 'x', 'x', 'create role mine')`,
  'delete from sealog.migrated_rule',
  'select * from sealog.audit_log',
  `update sealog.audit_log set time_started = now() - interval '1 year'`,
  `update sealog.audit_log set time_completed = now()`,
  `update sealog.audit_log set operation_id = 'other'`,
  `insert into sealog.audit_log (id, operation_id, actor_kind) values (gen_random_uuid(), 'x', 'system')`,
  `insert into sealog.audit_log (time_started, operation_id, actor_kind) values ('2020-01-01', 'x', 'system')`,
  'create table pgboss.mine ()',
];

const TABLE: Record<Role, { can: readonly string[]; cannot: readonly string[] }> = {
  service: {
    can: [
      `insert into sealog.audit_log (operation_id, actor_kind) values ('x', 'system')`,
      `update sealog.audit_log set result_kind = 'success', http_status_code = 201, resource_type = 'disk', details = '{}'
        where time_completed is null`,
      `update sealog.audit_log set result_kind = 'error', error_message = 'no' where time_completed is null`,
      'select id, time_started, time_completed, result_kind, amends from sealog.audit_log',
    ],
    cannot: [
      'select operation_id from sealog.audit_log',
      'select actor_id from sealog.audit_log',
      'select resource_id, details from sealog.audit_log',
      'select * from sealog.activation',
      'select * from sealog.audit_log_complete',
      'select * from sealog.replica',
      'select * from pgboss.job',
      'select sealog.audit_log_seal()',
    ],
  },
  reader: {
    can: [
      'select * from sealog.audit_log_complete',
      'select sealog.audit_log_seal()',
      `select sealog.audit_log_seal('2020-01-01')`,
    ],
    cannot: [
      'select id from sealog.audit_log',
      'select count(*) from sealog.audit_log',
      `insert into sealog.audit_log (operation_id, actor_kind) values ('x', 'system')`,
      `update sealog.audit_log set result_kind = 'timeout'`,
      `update sealog.audit_log_complete set error_message = 'no'`,
      `delete from sealog.audit_log_complete`,
      'select * from sealog.replica',
      'select * from pgboss.job',
    ],
  },
  worker: {
    can: [
      'select id, time_started, operation_id from sealog.audit_log where time_completed is null for update skip locked',
      `update sealog.audit_log set result_kind = 'timeout' where time_completed is null`,
      `insert into sealog.replica (name, job, cron, timezone) values ('a', 'b', 'c', 'd')`,
      'delete from sealog.replica',
      'select sealed, sealog.audit_log_seal(), sealog.audit_log_clock() from sealog.audit_log_horizon',
      'select * from sealog.audit_log_horizon_holders',
      'select name from sealog.migration',
      'select name, definition from sealog.migrated_rule',
      'select * from sealog.activation',
      'update pgboss.version set cron_on = now()',
      'delete from pgboss.job',
      `update pgboss.queue set heartbeat_seconds = 10 where name = 'audit-timeout'`,
      `select pgboss.create_queue('mine', '{"policy": "standard"}')`,
    ],
    cannot: [
      `update sealog.audit_log set result_kind = 'success' where time_completed is null`,
      `update sealog.audit_log set result_kind = 'error' where time_completed is null`,
      `update sealog.audit_log set result_kind = 'timeout', http_status_code = 200`,
      `update sealog.audit_log set result_kind = 'timeout', details = null`,
      `insert into sealog.audit_log (operation_id, actor_kind) values ('x', 'system')`,
      'select actor_id from sealog.audit_log',
      'select details from sealog.audit_log',
      'select * from sealog.audit_log_complete',
      'alter table pgboss.job add column mine text',
      'truncate pgboss.job',
      'drop schema pgboss cascade',
      `insert into pgboss.bam (name, version, table_name, command) values ('x', 1, 'job', 'create role mine')`,
      'select * from pgboss.bam',
      `update pgboss.bam set command = 'create role mine'`,
      `update pgboss.queue set table_name = 'job; create role mine'`,
      `update pgboss.queue set partition = true`,
      'update pgboss.version set version = 1',
      `update pgboss.sealog_queue set audit_log_schema = 'other'`,
      `update sealog.queue set schema = 'other'`,
      'create trigger mine before insert on pgboss.job for each row execute function suppress_redundant_updates_trigger()',
    ],
  },
};

describe.each(Object.entries(TABLE) as [Role, (typeof TABLE)[Role]][])('sealog_%s', (role, { can, cannot }) => {
  let client: Awaited<ReturnType<typeof connected>>;
  beforeAll(async () => {
    await insertEntries(logins.database.pool, [{ startedMinutesAgo: 600 }]);
    client = await connected(logins[role]);
  });
  afterAll(async () => await client.end());

  test.each(can)('can: %s', async (statement) => expect(await attempt(client, statement)).toBe('done'));
  test.each([...cannot, ...CANNOT_BY_ANYONE])('cannot: %s', async (statement) =>
    expect(await attempt(client, statement)).toBe(NO_RIGHT),
  );
});

test('a service begins and completes, a worker times out, a late outcome is appended, and a reader sees them all', async () => {
  await using service = createAuditLog({ connectionString: logins.service });
  await using reader = createAuditLog({ connectionString: logins.reader });
  const begin = () => service.begin({ operationId: 'disk_create', actor: { kind: 'user', id: 'u1' } });
  const [done, failed, late] = [await begin(), await begin(), await begin()];
  const success = { kind: 'success', httpStatusCode: 201, resource: { type: 'disk', id: 'd1' } } as const;
  expect(await service.complete(done.id, success)).toMatchObject({ status: 'completed' });
  expect(await service.complete(done.id, success)).toMatchObject({ status: 'already-completed' });
  expect(await service.complete(failed.id, { kind: 'error', message: 'no' })).toMatchObject({ status: 'completed' });
  await using worker = await connected(logins.worker);
  await worker.query(`update sealog.audit_log set result_kind = 'timeout' where id = $1`, [late.id]);
  expect(await service.complete(late.id, success)).toMatchObject({ status: 'amended' });

  const { entries } = await reader.list({ operationId: 'disk_create' });
  expect(entries.map(({ result }) => result.kind)).toEqual(['success', 'error', 'unknown', 'success']);
  expect(await reader.find(late.id)).toMatchObject({
    entry: { result: { kind: 'unknown' } },
    amendment: { amends: late.id },
  });
  const ids = await idsOf(reader, 4);
  expect(ids).toEqual(entries.map(({ id }) => id));

  await expect(reader.begin({ operationId: 'x', actor: { kind: 'system' } })).rejects.toMatchObject({
    sqlState: NO_RIGHT,
  });
  await expect(service.list()).rejects.toMatchObject({ sqlState: NO_RIGHT });
});

async function idsOf(auditLog: AuditLog, count: number): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of auditLog.entries({ operationId: 'disk_create', follow: true })) {
    if (ids.push(id) === count) break;
  }
  return ids;
}

describe('whoever may make temporary objects', () => {
  const hijack = `
    create temporary table audit_log_floor (last_value bigint, is_called boolean);
    insert into audit_log_floor values (9000000000000000, true);
    create temporary table audit_log_sealed as table audit_log_floor;
    create temporary table audit_log_published as
      select timestamptz '2100-01-01' as sealed, 1 as id, timestamptz '2100-01-01' as time_published;
    create temporary view audit_log_horizon_holders as select 1 as pid, timestamptz '2100-01-01' as time_started;
    create temporary table audit_log (id uuid, result_kind text);
    create function pg_temp.audit_log_clock() returns timestamptz language sql return timestamptz '2100-01-01';
    create function pg_temp.audit_log_stamp() returns timestamptz language sql return timestamptz '2100-01-01';
    set search_path to pg_temp, sealog`;
  const isNow = (instant: Date): boolean => Math.abs(instant.getTime() - Date.now()) < 3_600_000;

  test('cannot put them in the place of what runs as the owner', async () => {
    await using reader = await connected(logins.reader);
    await reader.query(hijack);
    const { rows } = await reader.query<{ sealed: Date }>(`select sealog.audit_log_seal() as sealed`);
    expect(rows.map(({ sealed }) => isNow(sealed))).toEqual([true]);

    await using service = await connected(logins.service);
    await service.query(hijack);
    await service.query(`insert into sealog.audit_log (operation_id, actor_kind) values ('hijack', 'system')`);
    const stamped = await service.query<{ time_completed: Date }>(
      `update sealog.audit_log set result_kind = 'success' where time_completed is null returning time_completed`,
    );
    expect(stamped.rowCount).toBeGreaterThan(0);
    expect(stamped.rows.every(({ time_completed: at }) => isNow(at))).toBe(true);
  });

  test('cannot see incomplete entries through a function that tells what it is shown', async () => {
    await using service = createAuditLog({ connectionString: logins.service });
    await service.begin({ operationId: 'not_yet', actor: { kind: 'system' } });
    await using client = await connected(logins.reader);
    const seen: string[] = [];
    client.on('notice', ({ message }) => seen.push(message ?? ''));
    await client.query(`
      create function pg_temp.tell(text) returns boolean language plpgsql cost 0.0000001 as
        $$ begin raise notice 'saw %', $1; return true; end $$;
      select count(*) from sealog.audit_log_complete where pg_temp.tell(operation_id);
      set enable_seqscan = off;
      select count(*) from sealog.audit_log_complete where pg_temp.tell(operation_id)`);
    expect(seen).toContain('saw disk_create');
    expect(seen).not.toContain('saw not_yet');
  });
});
