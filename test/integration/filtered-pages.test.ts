import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type AuditLog, createAuditLog, type Entry, type Order, type PageQuery } from '../../src/index.ts';
import { eachPage, listAs } from '../../src/list.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { toEntry } from '../../src/store/select-entries.ts';
import { testPool } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { PATIENCE_MS } from '../support/wait.ts';

const ENTRIES = 5500;
// The first and last entry, both sides of where a stretch ends in either order, neighbours, and one far from the others.
const RARE = [1, 999, 1000, 1001, 2500, 2501, 4500, 4501, 5500];
/** A page ends after its first stretch, as if the database had taken a quarter of a second for it. */
const SLOWLY = { form: toEntry, scanMs: 0 };
const ORDERS = ['ascending', 'descending'] satisfies Order[];

let database: TestDatabase;
let auditLog: AuditLog;
let rare: readonly string[];
beforeAll(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
  await database.pool.query(
    `insert into sealog.audit_log (operation_id, actor_kind, actor_id, tenant_id)
     select 'bulk', 'user', 'u' || n % 2, case when n = any($2) then 'rare' else 'other' end
       from generate_series(1, $1::integer) n`,
    [ENTRIES, RARE],
  );
  await database.pool.query(`update sealog.audit_log set result_kind = 'success'`);
  const { rows } = await database.pool.query<{ id: string }>(
    `select id from sealog.audit_log_complete where tenant_id = 'rare' order by time_completed, id`,
  );
  rare = rows.map(({ id }) => id);
});
afterAll(async () => await database[Symbol.asyncDispose]());

const idsOf = (entries: readonly Entry[]) => entries.map(({ id }) => id);
const inOrder = (ids: readonly string[], order: Order) => (order === 'ascending' ? ids : ids.toReversed());

/** All pages, each as short as it can be. */
async function walk(query: PageQuery) {
  const log = auditLogDatabase(database.pool, 'sealog');
  const pages = [await listAs(log, query, SLOWLY)];
  while (pages.at(-1)!.more && pages.length < 100) {
    pages.push(await listAs(log, { limit: query.limit, after: pages.at(-1)!.next }, SLOWLY));
  }
  return pages;
}

test('parsers of the program for types of PostgreSQL change nothing of what is written and read', async () => {
  const TEXT = 25;
  const types = { getTypeParser: (oid: number) => (text: string) => (oid === TEXT ? text : { oid, text }) };
  const pool = testPool({ connectionString: database.url, types });
  const log = createAuditLog({ pool });
  const tenantId = 'parsed';
  const begin = async () =>
    (await log.begin({ operationId: 'bulk', actor: { kind: 'system' }, tenantId, sourceIp: '::1' })).id;
  const ids = [await begin(), await begin()];
  await log.complete(ids[0]!, { kind: 'success', httpStatusCode: 201, details: { at: 1 } });
  await database.pool.query(`update sealog.audit_log set result_kind = 'timeout' where id = $1`, [ids[1]]);
  const late = await log.complete(ids[1]!, { kind: 'error', message: 'late' });
  ids.push(late.status === 'amended' ? late.amendmentId : late.status);

  const page = await log.list({ tenantId });
  expect(page).toMatchObject({ more: false, entries: (await auditLog.list({ tenantId })).entries });
  expect(page.entries.map(({ id, sourceIp, result, amends }) => ({ id, sourceIp, result, amends }))).toEqual([
    { id: ids[0], sourceIp: '::1', result: { kind: 'success', httpStatusCode: 201 }, amends: null },
    { id: ids[1], sourceIp: '::1', result: { kind: 'unknown' }, amends: null },
    {
      id: ids[2],
      sourceIp: '::1',
      result: { kind: 'error', httpStatusCode: null, code: null, message: 'late' },
      amends: ids[1],
    },
  ]);
  expect(await log.find(ids[1]!)).toEqual(await auditLog.find(ids[1]!));
  expect((await log.list({ limit: 3, order: 'descending' })).entries).toEqual(page.entries.toReversed());
  await pool.end();
});

describe.each(ORDERS)('a filter that few entries pass, %s', (order) => {
  test.each([1, 2, 100])('is walked in short pages, at most %i a page, and each entry comes once', async (limit) => {
    const pages = await walk({ tenantId: 'rare', order, limit });
    expect(idsOf(pages.flatMap(({ entries }) => entries))).toEqual(inOrder(rare, order));
    expect(pages.map(({ more }) => more)).toEqual(pages.map((_, index) => index < pages.length - 1));
  });

  test('that none passes ends too, and tells that there is more until then', async () => {
    const pages = await walk({ tenantId: 'none', order });
    expect(pages.map(({ entries, more }) => [entries.length, more])).toEqual([
      ...Array.from({ length: 5 }, () => [0, true]),
      [0, false],
    ]);
  });

  test('with time enough is one page', async () => {
    const page = await listAs(
      auditLogDatabase(database.pool, 'sealog'),
      { tenantId: 'rare', order },
      { form: toEntry, scanMs: 60_000 },
    );
    expect(idsOf(page.entries)).toEqual(inOrder(rare, order));
    expect(page.more).toBe(false);
  });

  test('is walked to its end by entries', async () => {
    const entries: Entry[] = [];
    for await (const entry of auditLog.entries({ tenantId: 'rare', order, pageSize: 2 })) entries.push(entry);
    expect(idsOf(entries)).toEqual(inOrder(rare, order));
  });
});

test('a filter that half of the entries pass gives whole pages', async () => {
  const pages = await walk({ actorId: 'u1', limit: 100 });
  expect(pages.map(({ entries }) => entries.length)).toEqual([...Array.from({ length: 27 }, () => 100), 50]);
  expect(new Set(idsOf(pages.flatMap(({ entries }) => entries))).size).toBe(ENTRIES / 2);
});

test('a page that ends early is final up to its horizon all the same, and the walk shows what came meanwhile', async () => {
  const log = auditLogDatabase(database.pool, 'sealog');
  const seen: string[] = [];
  let pages = 0;
  for await (const page of eachPage(log, { operationId: 'meanwhile' }, SLOWLY, () => {})) {
    if (++pages === 2) await auditLog.record({ operationId: 'meanwhile', actor: { kind: 'system' } }, () => {});
    seen.push(...page.entries.map(({ operationId }) => operationId));
  }
  expect(seen).toEqual(['meanwhile']);
});

test('a follower with a filter comes to entries far away, and goes on with what is completed meanwhile', async () => {
  const log = auditLogDatabase(database.pool, 'sealog');
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const ids: string[] = [];
  for await (const page of eachPage(log, { tenantId: 'rare', follow: true, signal }, SLOWLY, () => {})) {
    ids.push(...idsOf(page.entries));
    if (ids.length === RARE.length && !page.more) {
      await auditLog.record({ operationId: 'late', actor: { kind: 'system' }, tenantId: 'rare' }, () => {});
    }
    if (ids.length > RARE.length) break;
  }
  expect(ids.slice(0, -1)).toEqual(rare);
  expect((await auditLog.find(ids.at(-1)!))?.entry).toMatchObject({ operationId: 'late' });
});
