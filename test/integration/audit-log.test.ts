import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testPool } from '../support/connection.ts';
import { type AuditLog, createAuditLog, InvalidArgumentError, type NewEntry, StoreError } from '../../src/index.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startProxy } from '../support/tcp-proxy.ts';

let database: TestDatabase;
let auditLog: AuditLog;
beforeAll(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url, instanceId: 'api-1' });
});
afterAll(async () => {
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const minimal: NewEntry = { operationId: 'disk_create', actor: { kind: 'system' } };

async function stored(id: string) {
  const { rows } = await database.pool.query(
    `select *, to_char(time_started at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time_started,
            to_char(time_completed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time_completed
       from sealog.audit_log where id = $1`,
    [id],
  );
  return rows[0];
}

describe('begin', () => {
  test('commits an entry with everything that it was given', async () => {
    const entry = await auditLog.begin({
      operationId: 'disk_create',
      actor: { kind: 'user', id: 'u1' },
      tenantId: 't1',
      authMethod: 'session_cookie',
      credentialId: 'c1',
      requestId: 'r1',
      requestUri: '/disks',
      sourceIp: '192.0.2.1',
      userAgent: 'curl/8',
      resource: { type: 'disk', id: 'd1' },
      details: { size: 10 },
    });
    expect(await stored(entry.id)).toMatchObject({
      time_started: entry.timeStarted,
      operation_id: 'disk_create',
      actor_kind: 'user',
      actor_id: 'u1',
      tenant_id: 't1',
      auth_method: 'session_cookie',
      credential_id: 'c1',
      request_id: 'r1',
      request_uri: '/disks',
      source_ip: '192.0.2.1',
      user_agent: 'curl/8',
      resource_type: 'disk',
      resource_id: 'd1',
      details: { size: 10 },
      instance_id: 'api-1',
      time_completed: null,
      result_kind: null,
    });
  });

  test('is not hindered by what a client sends', async () => {
    const entry = await auditLog.begin({
      ...minimal,
      requestId: 'a\0b',
      requestUri: '😀'.repeat(600),
      userAgent: `${'x'.repeat(255)}😀😀`,
      sourceIp: '::ffff:192.0.2.7',
      tenantId: '\ud800lone',
      details: { 'k\0': '\ud800', big: 1n, exact: 2n ** 70n, at: new Date(0), same: Number.NaN, much: 1e300 },
    });
    expect(await stored(entry.id)).toMatchObject({
      request_id: 'a\ufffdb',
      request_uri: '😀'.repeat(512),
      user_agent: `${'x'.repeat(255)}😀`,
      source_ip: '192.0.2.7',
      tenant_id: '\ufffdlone',
      details: {
        'k\ufffd': '\ufffd',
        big: 1,
        exact: '1180591620717411303424',
        much: '1e+300',
        at: '1970-01-01T00:00:00.000Z',
        same: null,
      },
    });
  });

  test.each([
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:c000:0207', '192.0.2.7'],
    [' 192.0.2.1 ', '192.0.2.1'],
    ['192.0.2.1, 198.51.100.1', null],
    ['0x7f.1', null],
    ['unknown', null],
    ['', null],
  ])('keeps the address %p as %p', async (sourceIp, kept) => {
    const entry = await auditLog.begin({ ...minimal, sourceIp });
    expect(await stored(entry.id)).toMatchObject({ source_ip: kept });
  });

  test('keeps details up to 16 KiB as PostgreSQL prints them, and of larger ones the beginning and the size', async () => {
    // {"a": "…"} is 9 bytes around the text.
    const fits = await auditLog.begin({ ...minimal, details: { a: 'x'.repeat(16384 - 9) } });
    expect((await stored(fits.id)).details.a).toHaveLength(16384 - 9);
    const cut = await auditLog.begin({ ...minimal, details: { a: 'x'.repeat(16384 - 8) } });
    expect((await stored(cut.id)).details).toEqual({
      cut: { bytes: 16384, limit: 16384, beginning: expect.stringMatching(/^\{"a":"x{1018}$/) },
    });
  });

  test.each([
    [{ operationId: '', actor: { kind: 'system' } }, 'operationId: expected text of 1 to 512 characters, got ""'],
    [{ operationId: 'x'.repeat(513), actor: { kind: 'system' } }, /^operationId: expected .* got "xxx.*…$/],
    [{ operationId: 5, actor: { kind: 'system' } }, 'operationId: expected text of 1 to 512 characters, got 5'],
    [{ operationId: 'a' }, 'actor.kind: expected one of user, service, system, anonymous, got undefined'],
    [{ operationId: 'a', actor: { kind: 'User', id: 'u' } }, /^actor.kind: expected one of .*, got "User"$/],
    [{ operationId: 'a', actor: { kind: 'user' } }, /^actor.id: expected non-empty text.* user, got undefined$/],
    [{ operationId: 'a', actor: { kind: 'service', id: '' } }, /^actor.id: expected non-empty text.* service, got ""$/],
    [{ operationId: 'a', actor: { kind: 'anonymous', id: 'u' } }, /^actor.id: expected nothing.*, got "u"$/],
  ])('refuses %j by name', async (entry, message) => {
    const beginning = auditLog.begin(entry as NewEntry);
    await expect(beginning).rejects.toThrow(InvalidArgumentError);
    await expect(beginning).rejects.toThrow(message);
  });

  test('throws when the entry could not be written', async () => {
    await using unreachable = createAuditLog({ connectionString: 'postgres://x@127.0.0.1:1/none' });
    const error = await unreachable.begin(minimal).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: 'SEALOG_STORE',
      operation: 'begin',
      message: expect.stringContaining('ECONNREFUSED'),
      cause: { code: 'ECONNREFUSED' },
    });
  });
});

describe('complete', () => {
  test('records a success, once', async () => {
    const { id } = await auditLog.begin({ ...minimal, resource: { type: 'disk' }, details: { kept: true } });
    const result = await auditLog.complete(id, {
      kind: 'success',
      httpStatusCode: 201,
      resource: { type: 'disk', id: 'd7' },
    });
    const row = await stored(id);
    expect(result).toEqual({ status: 'completed', timeCompleted: row.time_completed });
    expect(row).toMatchObject({
      result_kind: 'success',
      http_status_code: 201,
      resource_type: 'disk',
      resource_id: 'd7',
      details: { kept: true },
    });
    expect(await auditLog.complete(id, { kind: 'error', message: 'too late' })).toEqual({
      status: 'already-completed',
      result: 'success',
      timeCompleted: row.time_completed,
    });
    expect(await stored(id)).toEqual(row);
  });

  test('records an error', async () => {
    const { id } = await auditLog.begin(minimal);
    const message = `no\0 ${'x'.repeat(5000)}`;
    await auditLog.complete(id, { kind: 'error', httpStatusCode: 400, code: 'InvalidRequest', message });
    expect(await stored(id)).toMatchObject({
      result_kind: 'error',
      http_status_code: 400,
      error_code: 'InvalidRequest',
      error_message: `no\ufffd ${'x'.repeat(4092)}`,
    });
  });

  test('tells an id that no entry has', async () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    expect(await auditLog.complete(id, { kind: 'success' })).toEqual({ status: 'not-found' });
  });

  test.each([
    ['x', { kind: 'success' }, 'id: expected the UUID of an entry, got "x"'],
    [undefined, { kind: 'timeout' }, 'completion.kind: expected success or error, got "timeout"'],
    [undefined, { kind: 'error' }, /^completion.message: expected text/],
    [
      undefined,
      { kind: 'success', httpStatusCode: 600 },
      /^completion.httpStatusCode: expected a whole number from 100 to 599, got 600$/,
    ],
  ])('refuses %p, %j by name', async (id, completion, message) => {
    const { id: real } = await auditLog.begin(minimal);
    await expect(auditLog.complete(id ?? real, completion as never)).rejects.toThrow(message);
    expect(await stored(real)).toMatchObject({ result_kind: null });
  });

  test('repeats itself until a database that is away comes back', async () => {
    await using proxy = await startProxy(database.url);
    await using patient = createAuditLog({ connectionString: proxy.url, logger: recordingLogger() });
    const { id } = await patient.begin(minimal);
    await proxy.cut();
    await expect(patient.begin(minimal)).rejects.toThrow(StoreError);
    const completing = patient.complete(id, { kind: 'success' });
    // Runs after the first attempt has failed: `begin` above shows that nobody answers.
    await patient.begin(minimal).catch(() => proxy.mend());
    expect(await completing).toMatchObject({ status: 'completed' });
  });
});

describe('record', () => {
  test('begins, runs, completes and returns', async () => {
    const value = await auditLog.record(
      minimal,
      async ({ id }) => {
        expect(await stored(id)).toMatchObject({ result_kind: null });
        return id;
      },
      { describeSuccess: (id) => ({ httpStatusCode: 201, details: { id } }) },
    );
    expect(await stored(value)).toMatchObject({
      result_kind: 'success',
      http_status_code: 201,
      details: { id: value },
    });
  });

  test('records what was thrown by its code or name, without its message, and throws it', async () => {
    const secret = Object.assign(new Error('password=canary'), { code: 'EQUOTA' });
    const exposed = Object.assign(new TypeError('password=canary'), { expose: true, code: 'canary with blanks' });
    const ids: string[] = [];
    for (const error of [secret, exposed, 'text', undefined]) {
      await expect(
        auditLog.record(minimal, ({ id }) => {
          ids.push(id);
          throw error;
        }),
      ).rejects.toBe(error);
    }
    expect(await Promise.all(ids.map(stored))).toMatchObject([
      { result_kind: 'error', error_code: 'EQUOTA', error_message: 'the operation threw an error' },
      { result_kind: 'error', error_code: 'TypeError', error_message: 'the operation threw an error' },
      { result_kind: 'error', error_code: null, error_message: 'the operation threw an error' },
      { result_kind: 'error', error_code: null, error_message: 'the operation threw an error' },
    ]);
  });

  test('does not run what it could not begin', async () => {
    await using unreachable = createAuditLog({ connectionString: 'postgres://x@127.0.0.1:1/none' });
    let ran = false;
    await expect(unreachable.record(minimal, () => void (ran = true))).rejects.toThrow(StoreError);
    expect(ran).toBe(false);
  });

  test('returns what the operation did when its outcome could not be recorded, and says so at error', async () => {
    const logger = recordingLogger();
    await using proxy = await startProxy(database.url);
    await using log = createAuditLog({ connectionString: proxy.url, logger });
    let id = '';
    const value = await log.record(minimal, async (entry) => {
      id = entry.id;
      await proxy.cut();
      return 5;
    });
    expect(value).toBe(5);
    expect(await stored(id)).toMatchObject({ result_kind: null });
    const lost = logger.withEvent('audit-log.completion-lost');
    expect(lost).toMatchObject([{ level: 'error', entryId: id, err: { operation: 'complete' } }]);
  });

  test('records an outcome without its description when that cannot be used, whatever the logger does', async () => {
    const logger = recordingLogger();
    const fail = () => {
      throw new Error('no logger');
    };
    await using log = createAuditLog({ pool: database.pool, logger });
    await using mute = createAuditLog({
      pool: database.pool,
      logger: { debug: fail, info: fail, warn: fail, error: fail },
    });
    const hostile = Object.defineProperty(new Error('canary'), 'code', { get: fail });
    const ids: string[] = [];
    const begun = (entry: { readonly id: string }) => void ids.push(entry.id);
    await log.record(minimal, begun, { describeSuccess: () => ({ httpStatusCode: 1 }) });
    await mute.record(minimal, begun, { describeSuccess: fail });
    const thrown = log.record(minimal, (entry) => {
      begun(entry);
      throw hostile;
    });
    await expect(thrown).rejects.toBe(hostile);
    const described = { describeSuccess: () => Promise.resolve({ httpStatusCode: 201 }) };
    await log.record(minimal, begun, { describeSuccess: () => Promise.reject(new Error('no description')) });
    await log.record(minimal, begun, described);
    expect(await Promise.all(ids.map(stored))).toMatchObject([
      { result_kind: 'success', http_status_code: null },
      { result_kind: 'success' },
      { result_kind: 'error', error_code: 'Error', error_message: 'the operation threw an error' },
      { result_kind: 'success', http_status_code: null },
      { result_kind: 'success', http_status_code: 201 },
    ]);
    expect(logger.withEvent('audit-log.description-lost')).toHaveLength(2);
  });
});

test('a connection that gives no answer is not used again', async () => {
  await using proxy = await startProxy(database.url);
  const pool = testPool({ connectionString: proxy.url, max: 1, query_timeout: 500 });
  await using log = createAuditLog({ pool });
  const { id } = await log.begin(minimal);
  proxy.halfOpen();
  await proxy.mend();
  await expect(log.begin(minimal)).rejects.toThrow('Query read timeout');
  // On a connection of its own: the one that is there swallows everything.
  await log.begin(minimal);
  expect(await log.complete(id, { kind: 'success' })).toMatchObject({ status: 'completed' });
  await pool.end();
});
