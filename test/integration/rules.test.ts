import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { entriesAsText, insertEntries } from '../support/entries.ts';

// Everything here is plain SQL, sent by the table's owner, who is a superuser too.
let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(async () => await database[Symbol.asyncDispose]());

async function begun(): Promise<string> {
  const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 5 }]);
  return id!;
}

async function completed(kind = `'success'`): Promise<string> {
  const id = await begun();
  await database.pool.query(`update sealog.audit_log set result_kind = ${kind} where id = $1`, [id]);
  return id;
}

/** Expects a refusal that names the rule and, where a trigger refuses (23001), the entry, and that nothing changed. */
async function expectRefused(statement: string, rule: string, id?: string): Promise<void> {
  const before = await entriesAsText(database.pool, id ? [id] : []);
  const error: unknown = await database.pool.query(statement).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: expect.stringMatching(/^(23001|23514)$/), constraint: rule, table: 'audit_log' });
  const { code, message } = error as { code: string; message: string };
  expect(message).toContain(code === '23001' && id ? id : '');
  expect(await entriesAsText(database.pool, id ? [id] : [])).toEqual(before);
}

describe('a completed entry', () => {
  test.each([
    `result_kind = 'error', error_message = 'no'`,
    `result_kind = 'success'`,
    `details = '{}'`,
    `time_completed = now()`,
    `time_completed = null, result_kind = null`,
    `operation_id = operation_id`,
  ])('cannot be changed: %s', async (change) => {
    const id = await completed();
    await expectRefused(`update sealog.audit_log set ${change} where id = '${id}'`, 'audit_log_completed_is_final', id);
  });

  test('that timed out cannot be changed either', async () => {
    const id = await completed(`'timeout'`);
    await expectRefused(
      `update sealog.audit_log set result_kind = 'success' where id = '${id}'`,
      'audit_log_completed_is_final',
      id,
    );
  });
});

describe('no entry can be removed', () => {
  test('a completed or incomplete one cannot be deleted', async () => {
    for (const id of [await completed(), await begun()]) {
      await expectRefused(`delete from sealog.audit_log where id = '${id}'`, 'audit_log_is_kept', id);
    }
  });

  test('the table cannot be truncated', async () => {
    await expectRefused('truncate sealog.audit_log', 'audit_log_is_kept');
    await expectRefused('truncate sealog.audit_log cascade', 'audit_log_is_kept');
  });
});

describe('an incomplete entry', () => {
  test.each([
    [`time_completed = now(), result_kind = 'success'`, 'audit_log_time_completed_is_stamped'],
    [`time_completed = now()`, 'audit_log_time_completed_is_stamped'],
    [`details = '{"a": 1}'`, 'audit_log_update_completes'],
    [`http_status_code = 200`, 'audit_log_update_completes'],
    ...[
      'id = gen_random_uuid()',
      `operation_id = 'other'`,
      `actor_kind = 'anonymous'`,
      `actor_id = 'x'`,
      `tenant_id = 'x'`,
      `auth_method = 'x'`,
      `credential_id = 'x'`,
      `request_id = 'x'`,
      `request_uri = '/'`,
      `source_ip = '::1'`,
      `user_agent = 'x'`,
      `instance_id = 'x'`,
      `time_started = now()`,
      `amends = gen_random_uuid()`,
    ].map((change) => [`result_kind = 'success', ${change}`, 'audit_log_begun_is_kept'] as const),
    [`result_kind = 'success', error_message = 'x'`, 'audit_log_success_has_no_error'],
    [`result_kind = 'success', error_code = 'x'`, 'audit_log_success_has_no_error'],
    [`result_kind = 'error'`, 'audit_log_error_has_message'],
    [`result_kind = 'timeout', http_status_code = 500`, 'audit_log_timeout_has_no_outcome'],
    [`result_kind = 'timeout', error_message = 'x'`, 'audit_log_timeout_has_no_outcome'],
    [`result_kind = 'unknown'`, 'audit_log_result_kind_known'],
    [`result_kind = 'success', http_status_code = 99`, 'audit_log_http_status_code_range'],
    [`result_kind = 'success', http_status_code = 600`, 'audit_log_http_status_code_range'],
    [`result_kind = 'success', details = to_jsonb(repeat('x', 16383))`, 'audit_log_details_size'],
  ])('refuses %s (%s)', async (change, rule) => {
    const id = await begun();
    await expectRefused(`update sealog.audit_log set ${change} where id = '${id}'`, rule, id);
  });

  test('may be given its result, resource and details when it is completed', async () => {
    const id = await begun();
    const { rows } = await database.pool.query(
      `update sealog.audit_log set result_kind = 'error', http_status_code = 404, error_code = 'NotFound',
              error_message = 'no such disk', resource_type = 'disk', resource_id = 'd1',
              details = to_jsonb(repeat('x', 16382))
        where id = $1 returning result_kind, time_completed >= time_started as after`,
      [id],
    );
    expect(rows).toEqual([{ result_kind: 'error', after: true }]);
  });
});

describe('a new entry', () => {
  test.each([
    [`operation_id, actor_kind, time_completed`, `'a', 'system', now()`, 'audit_log_time_completed_is_stamped'],
    [`operation_id, actor_kind, result_kind`, `'a', 'system', 'success'`, 'audit_log_begun_before_completed'],
    [`operation_id, actor_kind, error_message`, `'a', 'system', 'x'`, 'audit_log_incomplete_has_no_result'],
    [`operation_id, actor_kind`, `'', 'system'`, 'audit_log_operation_id_length'],
    [`operation_id, actor_kind`, `repeat('é', 513), 'system'`, 'audit_log_operation_id_length'],
    [`operation_id, actor_kind, actor_id`, `'a', 'robot', 'r2'`, 'audit_log_actor_kind_known'],
    [`operation_id, actor_kind`, `'a', 'user'`, 'audit_log_actor_id_by_kind'],
    [`operation_id, actor_kind, actor_id`, `'a', 'service', ''`, 'audit_log_actor_id_by_kind'],
    [`operation_id, actor_kind, actor_id`, `'a', 'anonymous', 'u1'`, 'audit_log_actor_id_by_kind'],
    [`operation_id, actor_kind, request_uri`, `'a', 'system', repeat('é', 513)`, 'audit_log_request_uri_length'],
    [`operation_id, actor_kind, user_agent`, `'a', 'system', repeat('é', 257)`, 'audit_log_user_agent_length'],
    [`operation_id, actor_kind, time_started`, `'a', 'system', '-infinity'`, 'audit_log_time_started_finite'],
    [`operation_id, actor_kind, time_started`, `'a', 'system', '4000-01-01 BC'`, 'audit_log_time_started_finite'],
    [`operation_id, actor_kind, time_started`, `'a', 'system', 'infinity'`, 'audit_log_time_started_is_not_ahead'],
    [
      `operation_id, actor_kind, time_started`,
      `'a', 'system', now() + interval '25 hours'`,
      'audit_log_time_started_is_not_ahead',
    ],
    [`operation_id, actor_kind, amends`, `'a', 'system', gen_random_uuid()`, 'audit_log_amends_a_timeout'],
  ])('refuses (%s) values (%s)', async (columns, values, rule) => {
    await expectRefused(`insert into sealog.audit_log (${columns}) values (${values})`, rule);
  });

  test('is given a UUIDv7 and the time of the database', async () => {
    const id = await begun();
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const now = `floor(extract(epoch from clock_timestamp()) * 1000)::float8`;
    const { rows: earlier } = await database.pool.query<{ now: number }>(`select ${now} as now`);
    const { rows } = await database.pool.query<{ id: string; started: number; now: number }>(
      `insert into sealog.audit_log (operation_id, actor_kind) values (repeat('é', 512), 'anonymous')
       returning id, floor(extract(epoch from time_started) * 1000)::float8 as started, ${now} as now`,
    );
    const [{ id: later, started, now: latest }] = rows as [(typeof rows)[0]];
    // The first 48 bits are milliseconds, and so ids sort by time.
    for (const ms of [Number.parseInt(later.replace('-', '').slice(0, 12), 16), started]) {
      expect([earlier[0]!.now <= ms, ms <= latest]).toEqual([true, true]);
    }
  });
});

test('a column that was added later cannot be changed by a completion, whatever its type', async () => {
  await using other = await createDatabase();
  await other.pool.query(`alter table sealog.audit_log add column region text, add column place point`);
  const { rows } = await other.pool.query<{ id: string }>(
    `insert into sealog.audit_log (operation_id, actor_kind, region, place) values ('x', 'system', 'eu', '(1,2)') returning id`,
  );
  for (const [column, change] of Object.entries({ region: `'us'`, place: `'(2,1)'` })) {
    await expect(
      other.pool.query(`update sealog.audit_log set result_kind = 'success', ${column} = ${change}`),
    ).rejects.toMatchObject({
      code: '23001',
      constraint: 'audit_log_begun_is_kept',
      message: `audit log entry ${rows[0]!.id}: completing it may set the result, the resource and the details, and not ${column}`,
    });
  }
  await other.pool.query(`update sealog.audit_log set result_kind = 'success'`);
  const kept = await other.pool.query('select region, place::text from sealog.audit_log');
  expect(kept.rows).toEqual([{ region: 'eu', place: '(1,2)' }]);
});

test('columns that are generated keep no entry from being completed, and are no way to change others', async () => {
  await using other = await createDatabase();
  await other.pool.query(`
    alter table sealog.audit_log add column region text not null default 'eu';
    alter table sealog.audit_log add column shown text generated always as (operation_id || '!') stored`);
  await other.pool.query(`insert into sealog.audit_log (operation_id, actor_kind) values ('x', 'system')`);
  await expect(
    other.pool.query(`update sealog.audit_log set result_kind = 'success', region = 'us'`),
  ).rejects.toMatchObject({
    constraint: 'audit_log_begun_is_kept',
    message: expect.stringMatching(/and not region$/),
  });
  await other.pool.query(`update sealog.audit_log set result_kind = 'timeout'`);
  expect((await other.pool.query('select region, shown from sealog.audit_log')).rows).toEqual([
    { region: 'eu', shown: 'x!' },
  ]);
});
