import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import {
  type AuditLog,
  createAuditLog,
  type EntriesQuery,
  type Entry,
  InvalidArgumentError,
  InvalidCursorError,
  type Order,
  type PageQuery,
  StoreError,
} from '../../src/index.ts';
import { decodeCursor, encodeCursor } from '../../src/audit-log/cursor.ts';
import { replaceClock } from '../support/clock.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';

let database: TestDatabase;
let auditLog: AuditLog;
beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
});
afterEach(async () => await database[Symbol.asyncDispose]());

/** Begins entries, and completes them in one transaction. */
async function complete(entries: number, operationId = 'test_operation'): Promise<void> {
  const ids = await insertEntries(
    database.pool,
    Array.from({ length: entries }, () => ({ operationId, startedMinutesAgo: 5 })),
  );
  await database.pool.query(`update sealog.audit_log set result_kind = 'success' where id = any($1)`, [ids]);
}

async function pagesOf(query: PageQuery & { readonly limit: number }) {
  const pages = [await auditLog.list(query)];
  while (pages.at(-1)!.more) pages.push(await auditLog.list({ limit: query.limit, after: pages.at(-1)!.next }));
  return pages;
}

const idsOf = (entries: readonly Entry[]) => entries.map(({ id }) => id);

describe('pages', () => {
  test.each(['ascending', 'descending'] satisfies Order[])(
    'of 7 give each of 500 entries that share a microsecond once, %s',
    async (order) => {
      await replaceClock(database.pool, `timestamptz '2126-01-01 00:00:00.123456+00'`);
      await complete(500);
      const pages = await pagesOf({ order, limit: 7 });
      expect(pages).toHaveLength(72);
      const entries = pages.flatMap((page) => page.entries);
      expect(new Set(entries.map(({ timeCompleted }) => timeCompleted))).toEqual(
        new Set(['2126-01-01T00:00:00.123456Z']),
      );
      const { rows } = await database.pool.query(
        `select id from sealog.audit_log order by id ${order === 'ascending' ? 'asc' : 'desc'}`,
      );
      expect(idsOf(entries)).toEqual(rows.map(({ id }) => id));
    },
  );

  test('begin with from, end before to, and tell when they can hold no more, all to the microsecond', async () => {
    for (const microsecond of [1, 2, 3]) {
      await replaceClock(database.pool, `timestamptz '2126-01-01 00:00:00.00000${microsecond}+00'`);
      await complete(1, `at_${microsecond}`);
    }
    const at = (microsecond: number) => `2126-01-01T00:00:00.00000${microsecond}Z`;
    const between = async (from: number, to: number) => {
      const { entries, settled, horizon } = await auditLog.list({ from: at(from), to: at(to) });
      return { operations: entries.map(({ operationId }) => operationId), settled, horizon };
    };
    // Sealed no further than the range asks for, while the clock allows.
    const horizon = at(3);
    expect(await between(1, 2)).toEqual({ operations: ['at_1'], settled: true, horizon });
    expect(await between(2, 4)).toEqual({ operations: ['at_2', 'at_3'], settled: true, horizon });
    expect(await between(1, 1)).toEqual({ operations: [], settled: true, horizon });
    // The clock stands still, and each seal goes one microsecond further.
    expect(await between(3, 6)).toEqual({ operations: ['at_3'], settled: false, horizon: at(4) });
    expect(await between(3, 6)).toEqual({ operations: ['at_3'], settled: true, horizon: at(5) });
    expect(await auditLog.list()).toMatchObject({ settled: false });
  });

  test('newest first stay within the horizon of the first one', async () => {
    await complete(4);
    const first = await auditLog.list({ order: 'descending', limit: 3 });
    await complete(4, 'later');
    const second = await auditLog.list({ after: first.next, limit: 3 });
    const third = await auditLog.list({ after: second.next, limit: 3 });
    expect(idsOf([...first.entries, ...second.entries])).toEqual(
      idsOf((await auditLog.list({ to: first.horizon })).entries).toReversed(),
    );
    expect([second.entries.length, third.entries.length]).toEqual([1, 0]);
    expect([second.horizon, third.horizon]).toEqual([first.horizon, first.horizon]);
    expect((await auditLog.list({ order: 'descending', limit: 1 })).entries).toMatchObject([{ operationId: 'later' }]);
  });

  test('oldest first go on behind the last one with what is completed since', async () => {
    await complete(2);
    const last = await auditLog.list();
    expect(last.entries).toHaveLength(2);
    await complete(1, 'later');
    const next = await auditLog.list({ after: last.next });
    expect(next.entries).toMatchObject([{ operationId: 'later' }]);
    expect(next.horizon > last.horizon).toBe(true);
  });

  test('tell no older horizon than the page before them, published or not', async () => {
    const { next: start } = await auditLog.list();
    await complete(3);
    await auditLog.list();
    await database.pool.query(`
      create function public.pass_over() returns trigger language plpgsql as 'begin return null; end';
      create trigger pass_over before insert on sealog.audit_log_published
        for each row execute function public.pass_over()`);
    const first = await auditLog.list({ after: start, limit: 1 });
    const second = await auditLog.list({ after: first.next, limit: 1 });
    expect([first.entries.length, second.entries.length]).toEqual([1, 1]);
    expect(second.horizon >= first.horizon).toBe(true);
  });

  test('on a server that is behind the cursor leave it where it is', async () => {
    await complete(1);
    const { next } = await auditLog.list();
    const ahead = { timeCompleted: '2100-01-01T00:00:00.000000Z', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };
    const page = await auditLog.list({ after: encodeCursor({ ...decodeCursor(next), position: ahead }) });
    expect(page.entries).toEqual([]);
    expect(decodeCursor(page.next).position).toEqual(ahead);
  });

  test('end at what is sealed already while somebody keeps others from sealing', async () => {
    await complete(1, 'sealed');
    await auditLog.list();
    await complete(1, 'later');
    await using anybody = await connected(database.url);
    await anybody.query('select pg_advisory_lock(sealog.audit_log_sealer_key())');
    const page = await auditLog.list();
    expect(page.entries).toMatchObject([{ operationId: 'sealed' }]);
    await anybody.query('select pg_advisory_unlock_all()');
    expect((await auditLog.list({ after: page.next })).entries).toMatchObject([{ operationId: 'later' }]);
  });

  test('do not wait for a transaction that completes entries, and end before it', async () => {
    await complete(1, 'before');
    const [id] = await insertEntries(database.pool, [{ operationId: 'open', startedMinutesAgo: 5 }]);
    await using service = await connected(database.url);
    await service.query('begin');
    await service.query(`update sealog.audit_log set result_kind = 'success' where id = $1`, [id]);
    await complete(1, 'after');
    const page = await auditLog.list();
    expect(page.entries).toMatchObject([{ operationId: 'before' }]);
    await service.query('commit');
    const { entries } = await auditLog.list({ after: page.next });
    expect(entries.map(({ operationId }) => operationId).toSorted()).toEqual(['after', 'open']);
  });

  test('however deep cost one range scan of the index', async () => {
    await database.pool.query(`
      insert into sealog.audit_log (operation_id, actor_kind) select 'bulk', 'system' from generate_series(1, 20000)`);
    await database.pool.query(`update sealog.audit_log set result_kind = 'success'`);
    await database.pool.query('vacuum analyze sealog.audit_log');
    for (const order of ['ascending', 'descending'] as const) {
      const deep = await auditLog.list({ order, limit: 10_000, from: '2026-01-01T00:00:00Z' });
      const { plans, sent, pool } = explaining(database.pool);
      await createAuditLog({ pool }).list({ after: deep.next, limit: 50 });
      const [plan] = plans;
      const direction = order === 'ascending' ? '' : 'Backward ';
      expect(plan).toMatch(`Index Scan ${direction}using audit_log_completed_by_time_completed on audit_log`);
      expect(plan).toMatch(/Index Cond: .*ROW\(time_completed, id\) [<>] ROW\(/);
      expect(plan).toMatch(/Index Scan .*actual .*rows=50(\.00)? /);
      // Nothing is read to be thrown away, and nothing is sorted. The horizon is one row.
      expect(plan).not.toMatch(/(?<!One-Time )Filter|Sort|Seq Scan on audit_log\b(?!_horizon)/);
      // What has been published fills the page, so the horizon need not be asked for first.
      expect(sent).toHaveLength(1);
    }
  });
});

test('a cursor is refused for another listing, and taken with what it was made for', async () => {
  const { next } = await auditLog.list({ from: '2026-03-01T00:00:00Z' });
  const others: readonly PageQuery[] = [
    { from: '2026-03-01T00:00:00.000001Z' },
    { to: '2126-03-01T00:00:00Z' },
    { order: 'descending' },
    { operationId: 'other' },
    { actorId: 'u1' },
    { tenantId: 't1' },
    { result: 'unknown' },
  ];
  for (const query of others) {
    await expect(auditLog.list({ ...query, after: next })).rejects.toThrow(InvalidCursorError);
    const own = await auditLog.list(query);
    expect(await auditLog.list({ ...query, after: own.next })).toMatchObject({ entries: [] });
  }
  await expect(auditLog.list({ after: `A${next.slice(1)}` })).rejects.toThrow(InvalidCursorError);
  await expect(auditLog.list({ after: '' })).rejects.toThrow(InvalidCursorError);
});

test('a query that can only be a mistake is refused by name', async () => {
  const mistakes: readonly (readonly [unknown, string])[] = [
    [{ limit: 0 }, 'limit: expected a whole number from 1 to 10000, got 0'],
    [{ limit: 10_001 }, 'limit: expected a whole number from 1 to 10000, got 10001'],
    [{ from: '2026-03-01' }, 'from: expected an instant like 2026-03-01T12:00:00.000001Z, got "2026-03-01"'],
    [{ order: 'newest' }, 'order: expected ascending or descending, got "newest"'],
    [{ result: 'timeout' }, 'result: expected one of success, error, unknown, got "timeout"'],
    [{ actorId: '' }, 'actorId: expected non-empty text, got ""'],
    [{ to: '0000-12-31T00:00:00Z' }, 'to: expected an instant like'],
    [{ from: new Date(0) }, 'from: expected an instant like 2026-03-01T12:00:00.000001Z, got a Date, "1970-01-01'],
    [
      { tenant: 't1' },
      'query: expected only the keys from, to, order, operationId, actorId, tenantId, result, got "tenant"',
    ],
  ];
  for (const [query, message] of mistakes) {
    const listing = auditLog.list(query as PageQuery);
    await expect(listing).rejects.toThrow(InvalidArgumentError);
    await expect(listing).rejects.toThrow(message);
  }
});

test('the first instant there is may be the end of a listing', async () => {
  expect(await auditLog.list({ to: '0001-01-01T00:00:00Z' })).toMatchObject({ entries: [], settled: true });
});

test('entries are followed in one order only, and fail as list does', async () => {
  await complete(1);
  const { next } = await auditLog.list({ order: 'descending' });
  for (const query of [{ order: 'descending' }, { after: next }] satisfies PageQuery[]) {
    await expect(auditLog.entries({ ...query, follow: true }).next()).rejects.toThrow(
      'follow: expected order ascending, got "descending"',
    );
  }
  const mistakes: readonly (readonly [unknown, string])[] = [
    [{ pageSize: 0 }, 'pageSize: expected a whole number from 1 to 10000, got 0'],
    [
      { limit: 5 },
      'query: expected only the keys from, to, order, operationId, actorId, tenantId, result, got "limit"',
    ],
    [{ signal: 5 }, 'signal: expected an AbortSignal, got 5'],
  ];
  for (const [query, message] of mistakes) {
    await expect(auditLog.entries(query as EntriesQuery).next()).rejects.toThrow(message);
  }
  await database.pool.query('alter view sealog.audit_log_complete rename to gone');
  await expect(auditLog.entries().next()).rejects.toThrow(StoreError);
  await expect(auditLog.list()).rejects.toThrow(StoreError);
});

test('a role that may only read lists and seals, and can do nothing else', async () => {
  await complete(1);
  const role = `${database.name}_reader`;
  await database.pool.query(`create role ${role} login password 'reads'`);
  try {
    await database.pool.query(`grant usage on schema sealog to ${role}`);
    await database.pool.query(`grant select on sealog.audit_log_complete, sealog.audit_log_horizon to ${role}`);
    await database.pool.query(`grant execute on function sealog.audit_log_seal(timestamptz) to ${role}`);
    const url = new URL(database.url);
    Object.assign(url, { username: role, password: 'reads' });
    await using reader = createAuditLog({ connectionString: url.href });
    const first = await reader.list();
    expect(first.entries).toHaveLength(1);
    await complete(1);
    expect((await reader.list({ after: first.next })).entries).toHaveLength(1);
    expect(await reader.find(first.entries[0]!.id)).toMatchObject({ amendment: null });
    await using client = await connected(url.href);
    for (const statement of FORBIDDEN_TO_READERS) {
      const refusal = await client.query(statement).then(
        () => 'done',
        (error: pg.DatabaseError) => error.code,
      );
      expect([statement, refusal]).toEqual([statement, '42501']);
    }
    expect((await auditLog.list()).entries).toHaveLength(2);
  } finally {
    await database.pool.query(`drop owned by ${role}`);
    await database.pool.query(`drop role ${role}`);
  }
});

const FORBIDDEN_TO_READERS = [
  `select id from sealog.audit_log`,
  ...['audit_log', 'audit_log_complete'].flatMap((relation) => [
    `insert into sealog.${relation} (operation_id, actor_kind) values ('x', 'system')`,
    `update sealog.${relation} set http_status_code = 200`,
    `delete from sealog.${relation}`,
  ]),
  `truncate sealog.audit_log`,
  `update sealog.audit_log_published set sealed = 'infinity'`,
  ...['audit_log_floor', 'audit_log_sealed'].flatMap((counter) => [
    `select setval('sealog.${counter}', 1)`,
    `select nextval('sealog.${counter}')`,
  ]),
  `select sealog.audit_log_stamp()`,
  `create or replace view sealog.audit_log_complete as select 1`,
  `create table sealog.mine ()`,
];

/** A pool that explains what reads the log, as it is sent, before it runs it. */
function explaining(pool: pg.Pool): { plans: string[]; sent: string[]; pool: pg.Pool } {
  const plans: string[] = [];
  const sent: string[] = [];
  const connect = async () => {
    const client = await pool.connect();
    const query = async (text: string, values: unknown[]) => {
      sent.push(text);
      if (text.includes('audit_log_complete')) {
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (analyze) ${text}`, values);
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      }
      return await client.query(text, values);
    };
    const getTransactionStatus = () => client.getTransactionStatus();
    return { query, getTransactionStatus, release: () => client.release() };
  };
  return { plans, sent, pool: { connect, end: async () => {}, options: {} } as unknown as pg.Pool };
}
