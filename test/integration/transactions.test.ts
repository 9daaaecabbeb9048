import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely';
import { type AuditLog, createAuditLog, InvalidArgumentError, type NewEntry } from '../../src/index.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let auditLog: AuditLog;
beforeAll(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
});
afterAll(async () => {
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const entry: NewEntry = { operationId: 'disk_create', actor: { kind: 'system' } };

async function idsListed(): Promise<string[]> {
  const { entries } = await auditLog.list({ limit: 10_000 });
  return entries.map(({ id }) => id);
}

describe('in a transaction of pg', () => {
  test('an entry is there when the transaction has committed, and not before', async () => {
    await using client = await connected(database.url);
    await client.query('begin');
    const { id } = await auditLog.beginIn(client, entry);
    const completed = await auditLog.completeIn(client, id, { kind: 'success', httpStatusCode: 201 });
    expect(completed).toMatchObject({ status: 'completed' });
    expect(await idsListed()).not.toContain(id);
    await client.query('commit');
    expect(await idsListed()).toContain(id);
  });

  test('an operation that is rolled back leaves no trace', async () => {
    await using client = await connected(database.url);
    await client.query('begin');
    const { id } = await auditLog.beginIn(client, entry);
    await client.query('rollback');
    expect(await auditLog.complete(id, { kind: 'success' })).toEqual({ status: 'not-found' });
  });

  test('a completion that is rolled back leaves the entry as it was begun', async () => {
    await using client = await connected(database.url);
    const { id } = await auditLog.begin(entry);
    await client.query('begin');
    await auditLog.completeIn(client, id, { kind: 'success' });
    await client.query('rollback');
    expect(await auditLog.complete(id, { kind: 'error', message: 'rolled back' })).toMatchObject({
      status: 'completed',
    });
  });

  test('until it commits, readers see nothing that was completed later, and then everything in order', async () => {
    await using client = await connected(database.url);
    await client.query('begin');
    const { id: first } = await auditLog.beginIn(client, entry);
    await auditLog.completeIn(client, first, { kind: 'success' });
    const { id: second } = await auditLog.begin(entry);
    await auditLog.complete(second, { kind: 'success' });
    expect(await idsListed()).not.toContain(second);
    await client.query('commit');
    expect((await idsListed()).slice(-2)).toEqual([first, second]);
  });

  test('under repeatable read, what was begun before its snapshot can be completed', async () => {
    await using client = await connected(database.url);
    const { id } = await auditLog.begin(entry);
    await client.query('begin isolation level repeatable read; select 1');
    expect(await auditLog.completeIn(client, id, { kind: 'success' })).toMatchObject({ status: 'completed' });
    await client.query('commit');
    expect(await idsListed()).toContain(id);
  });

  test('under repeatable read, what was begun after its snapshot is not found, and what others completed is refused', async () => {
    await using client = await connected(database.url);
    const { id: before } = await auditLog.begin(entry);
    await client.query('begin isolation level repeatable read');
    await client.query('select from sealog.audit_log limit 1');
    const { id: after } = await auditLog.begin(entry);
    expect(await auditLog.completeIn(client, after, { kind: 'success' })).toEqual({ status: 'not-found' });
    await auditLog.complete(before, { kind: 'success' });
    await expect(auditLog.completeIn(client, before, { kind: 'success' })).rejects.toMatchObject({
      code: 'SEALOG_STORE',
      operation: 'complete',
      sqlState: '40001',
    });
    await client.query('rollback');
  });
});

test('a transaction of Kysely commits and rolls back both', async () => {
  const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: database.pool }) });
  const run = (fails: boolean, ids: string[]) =>
    db.transaction().execute(async (trx) => {
      const { id } = await auditLog.beginIn(trx, entry);
      ids.push(id);
      await auditLog.completeIn(trx, id, { kind: 'success' });
      if (fails) throw new Error('rolled back');
    });
  const ids: string[] = [];
  await run(false, ids);
  await expect(run(true, ids)).rejects.toThrow('rolled back');
  const listed = await idsListed();
  expect(ids.map((id) => listed.includes(id))).toEqual([true, false]);
  await expect(auditLog.beginIn(db, entry)).rejects.toThrow(InvalidArgumentError);
});

test('a transaction of Kysely may have plugins that rename columns', async () => {
  const plugins = [new CamelCasePlugin()];
  const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: database.pool }), plugins });
  const id = await db.transaction().execute(async (trx) => {
    const begun = await auditLog.beginIn(trx, entry);
    await auditLog.completeIn(trx, begun.id, { kind: 'success' });
    return begun.id;
  });
  expect(await idsListed()).toContain(id);
});

describe('what has a query of another kind is refused by name, and has written nothing', () => {
  type Rows = { readonly rows: Record<string, unknown>[] };
  class EntityManager {
    readonly query: (text: string, values: unknown[]) => Promise<unknown>;
    constructor(answer: (result: Rows) => unknown) {
      this.query = async (text, values) => answer(await database.pool.query(text, values));
    }
  }
  test.each<[string, (result: Rows) => unknown, RegExp]>([
    ['the rows themselves', ({ rows }) => rows, /query answers \[\{"the_row":"one"\}\]$/],
    ['rows and a count', ({ rows }) => [rows, 1], /query answers \[\[\{"the_row":"one"\}\],1\]$/],
    ['a count', () => 1, /query answers 1$/],
    ['nothing', () => undefined, /query answers undefined$/],
    ['rows as lists', ({ rows }) => ({ rows: rows.map((row) => Object.values(row)) }), /\{"rows":\[\["one"\]\]\}$/],
    ['other names', ({ rows }) => ({ rows: rows.map((row) => ({ theRow: row['the_row'] })) }), /"theRow":"one"/],
  ])('it answers %s', async (_what, answer, message) => {
    const { rows: before } = await database.pool.query('select count(*) from sealog.audit_log');
    const manager = new EntityManager(answer) as never;
    for (const call of [
      () => auditLog.beginIn(manager, entry),
      () => auditLog.completeIn(manager, uuid, { kind: 'success' }),
    ]) {
      await expect(call()).rejects.toThrow(InvalidArgumentError);
      await expect(call()).rejects.toThrow(/^transaction: expected a client of pg .*, got EntityManager, whose query/);
      await expect(call()).rejects.toThrow(message);
    }
    expect((await database.pool.query('select count(*) from sealog.audit_log')).rows).toEqual(before);
  });
});

test('a pool is refused, because each of its statements may go elsewhere', async () => {
  await expect(auditLog.beginIn(database.pool, entry)).rejects.toMatchObject({
    argument: 'transaction',
    message: expect.stringContaining('expected a client of pg or a transaction of Kysely'),
  });
});

const uuid = '01890a5d-ac96-774b-bcce-b302099a8057';
test.each([
  ['begin(null)', 'entry: expected an object, got null', (log) => log.begin(null)],
  ['begin()', 'entry: expected an object, got undefined', (log) => log.begin()],
  ['complete(id, null)', 'completion: expected an object, got null', (log) => log.complete(uuid, null)],
  ['complete(null)', 'id: expected the UUID of an entry, got null', (log) => log.complete(null)],
  ['record(entry, 5)', 'operation: expected a function, got 5', (log) => log.record(entry, 5)],
  ['record(null, f)', 'entry: expected an object, got null', (log) => log.record(null, () => {})],
  ['record(entry, f, null)', 'options: expected an object, got null', (log) => log.record(entry, () => {}, null)],
  ['list(null)', 'query: expected an object, got null', (log) => log.list(null)],
  ['entries(null)', 'query: expected an object, got null', (log) => log.entries(null).next()],
  ['find(null)', 'id: expected the UUID of an entry, got null', (log) => log.find(null)],
  ['beginIn(null, …)', /^transaction: expected a client of pg.*, got null$/, (log) => log.beginIn(null, entry)],
  ['completeIn({}, …)', /^transaction: expected/, (log) => log.completeIn({}, uuid, { kind: 'success' })],
] as [string, any, (log: any) => unknown][])('%s is refused by name', async (_call, message, call) => {
  const calling = Promise.resolve().then(() => call(auditLog));
  await expect(calling).rejects.toThrow(InvalidArgumentError);
  await expect(calling).rejects.toThrow(message);
});

test('createAuditLog refuses by name what is no object and no pool', () => {
  expect(() => createAuditLog(null as never)).toThrow('options: expected an object, got null');
  expect(() => createAuditLog({ pool: undefined } as never)).toThrow(
    /^connectionString: expected a postgres.*, unless a pool/,
  );
  expect(() => createAuditLog({ pool: {} } as never)).toThrow('pool: expected a pg.Pool');
});
