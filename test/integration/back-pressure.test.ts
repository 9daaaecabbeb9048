import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import pg from 'pg';
import { type AuditLog, BeginTimeoutError, createAuditLog, type NewEntry, StoreError } from '../../src/index.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { connected, testPool } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { spawnNode } from '../support/processes.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(() => database[Symbol.asyncDispose]());

const entry: NewEntry = { operationId: 'disk_create', actor: { kind: 'system' } };
const beginTimeoutMs = 300;

/** Refused by the time limit, and before a timer of this process that is longer. Answers what it waited for. */
async function refusalOf(beginning: Promise<unknown>): Promise<{ waitedFor: string }> {
  let isLate = false;
  // However busy the machine is, timers of one process go off in the order in which they are due.
  const late = setTimeout(() => (isLate = true), 3 * beginTimeoutMs);
  const error = await beginning.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BeginTimeoutError);
  const { waitedFor, code, limitMs } = error as BeginTimeoutError;
  expect({ code, limitMs }).toEqual({ code: 'SEALOG_BEGIN_TIMEOUT', limitMs: beginTimeoutMs });
  expect(isLate).toBe(false);
  clearTimeout(late);
  return { waitedFor };
}

/** With the short time limit, which a busy machine may need a few attempts for. */
const untilBegun = (log: AuditLog) =>
  waitUntil('it begins an entry', () => log.begin(entry).then(Boolean, () => false));

async function backendsWaiting(): Promise<number> {
  const { rows } = await database.pool.query(
    `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.length;
}

describe('begin is refused in time', () => {
  test('by a database that is silent, on a pool of ours and on a given one, and both go on when it is back', async () => {
    await using proxy = await startProxy(database.url);
    const pool = testPool({ connectionString: proxy.url, max: 1, connectionTimeoutMillis: 1000 });
    await using ours = createAuditLog({ connectionString: proxy.url, poolMax: 1, beginTimeoutMs });
    await using given = createAuditLog({ pool, beginTimeoutMs });
    for (const log of [ours, given]) await untilBegun(log);
    proxy.halfOpen();
    for (const log of [ours, given]) {
      // More than the pool has connections.
      const refusals = await Promise.all(Array.from({ length: 5 }, () => refusalOf(log.begin(entry))));
      expect(refusals.map(({ waitedFor }) => waitedFor)).toContain('connection');
    }
    await proxy.mend();
    for (const log of [ours, given]) await untilBegun(log);
    await pool.end();
  });

  test('by a pool that has no connection to give, and what comes late goes back to it', async () => {
    const pool = testPool({ connectionString: database.url, max: 1 });
    await using log = createAuditLog({ pool, beginTimeoutMs });
    const only = await pool.connect();
    expect(await refusalOf(log.begin(entry))).toMatchObject({ waitedFor: 'connection' });
    only.release();
    await untilBegun(log);
    expect(pool.totalCount).toBe(1);
    await pool.end();
  });

  test('while the table is locked, without a connection that stays behind, and without an entry that comes later', async () => {
    await using holder = await connected(database.url);
    const pool = testPool({ connectionString: database.url, max: 2 });
    await using log = createAuditLog({ pool, beginTimeoutMs });
    await holder.query('begin; lock table sealog.audit_log');
    for (let round = 1; round <= 3; round++) {
      const beginnings = [1, 2, 3].map(() => refusalOf(log.begin({ ...entry, operationId: 'while_locked' })));
      await Promise.all(beginnings);
      expect(await backendsWaiting()).toBeLessThanOrEqual(2);
    }
    await waitUntil('the server has given up every insert', async () => (await backendsWaiting()) === 0);
    await holder.query('commit');
    await untilBegun(log);
    const { rows } = await database.pool.query(`select 1 from sealog.audit_log where operation_id = 'while_locked'`);
    expect(rows).toEqual([]);
    await pool.end();
  });

  test('and its cancellation hits no entry that is begun after it on the same connection', async () => {
    // Opens the connection of the cancellation late: the insert has ended by itself meanwhile.
    const { promise: mayConnect, resolve: letConnect } = Promise.withResolvers<void>();
    const { promise: cancelled, resolve: settleCancellation } = Promise.withResolvers<void>();
    class LateClient extends pg.Client {
      // The pool gives a callback, and the cancellation awaits.
      override connect(...callback: never[]): never {
        const connect = super.connect.bind(this) as (...given: never[]) => unknown;
        return (callback.length > 0 ? connect(...callback) : mayConnect.then(() => connect())) as never;
      }
      override async end(): Promise<void> {
        await super.end();
        settleCancellation();
      }
    }
    const pool = testPool({ connectionString: database.url, max: 1 });
    await pool.query('select');
    Object.assign(pool, { Client: LateClient });
    await using log = createAuditLog({ pool, beginTimeoutMs });
    await using patient = createAuditLog({ pool, beginTimeoutMs: PATIENCE_MS });
    await using holder = await connected(database.url);
    await holder.query('begin; lock table sealog.audit_log');
    await refusalOf(log.begin(entry));
    await holder.query('commit; begin; lock table sealog.audit_log');

    // The insert has ended by then, and this process has been told.
    expect(await backendsWaiting()).toBe(0);
    const beginning = patient.begin(entry);
    // For the lock, if the connection was given back already.
    await waitUntil('it waits', async () => pool.waitingCount > 0 || (await backendsWaiting()) > 0);
    letConnect();
    await cancelled;
    await holder.query('commit');
    await expect(beginning).resolves.toMatchObject({ id: expect.any(String) });
    await pool.end();
  });
});

test('what gets no answer in time is cancelled at the server, whatever it is', async () => {
  await using holder = await connected(database.url);
  await holder.query('begin; lock table sealog.audit_log');
  const pool = testPool({ connectionString: database.url, max: 2, query_timeout: 200 });
  await using log = createAuditLog({ pool, beginTimeoutMs: PATIENCE_MS, logger: recordingLogger() });
  for (let round = 1; round <= 3; round++) {
    await Promise.all([1, 2, 3].map(() => expect(log.list()).rejects.toThrow('Query read timeout')));
    await expect(log.begin(entry)).rejects.toThrow('Query read timeout');
  }
  await waitUntil('nothing waits', async () => (await backendsWaiting()) === 0);
  await holder.query('commit');
  await pool.end();
});

test('statements stay prepared on each connection if asked, and only then', async () => {
  const preparedBy = async (preparedStatements: boolean) => {
    const pool = testPool({ connectionString: database.url, max: 1 });
    const log = createAuditLog({ pool, preparedStatements });
    for (let round = 1; round <= 2; round++) {
      const { id } = await log.begin(entry);
      await log.complete(id, { kind: 'success' });
    }
    const { rows } = await pool.query('select name from pg_prepared_statements');
    await pool.end();
    return rows.length;
  };
  expect([await preparedBy(false), await preparedBy(true)]).toEqual([0, 2]);
});

test('a prepared statement has one name in all processes, and a name has one statement', async () => {
  await migrate(auditLogDatabase(database.pool, 'other'));
  const namesIn = async (...schemas: string[]) => {
    await using program = await spawnNode(['test/support/prepared-names.ts', database.url, ...schemas]);
    expect(await program.exited).toEqual({ code: 0, signal: null });
    return JSON.parse(program.stdout) as { statement: string; name: string }[];
  };
  const [one, another] = await Promise.all([namesIn('sealog', 'other'), namesIn('other', 'sealog')]);
  const names = new Map(one.map(({ statement, name }) => [statement, name]));
  const shared = another.filter(({ statement }) => names.has(statement));
  expect(shared.map(({ name }) => name)).toEqual(shared.map(({ statement }) => names.get(statement)));
  expect(shared).toHaveLength(2);
  const all = new Map([...one, ...another].map(({ statement, name }) => [name, statement]));
  expect(all.size).toBe(4);
});

test.each([0, 1.5, 600_001, '2 s'])('refuses %p as a time limit', (limit) => {
  expect(() => createAuditLog({ pool: database.pool, beginTimeoutMs: limit as number })).toThrow(
    'beginTimeoutMs: expected a whole number from 1 to 600000, got ',
  );
});

test('what is refused, repeated, lost and late is counted', async () => {
  const reader = new OnDemandReader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  await using proxy = await startProxy(database.url);
  const options = { beginTimeoutMs: PATIENCE_MS, meterProvider, logger: recordingLogger() };
  await using log = createAuditLog({ connectionString: proxy.url, ...options });
  const none = { begin_refused: 0, complete_retried: 0, complete_lost: 0, complete_amended: 0 };
  expect(await reader.sums()).toEqual(none);

  const [late] = await insertEntries(database.pool, [{ startedMinutesAgo: 300 }]);
  await database.pool.query(`update sealog.audit_log set result_kind = 'timeout' where id = $1`, [late]);
  await log.complete(late!, { kind: 'success' });
  const { id } = await log.begin(entry);
  expect(await reader.sums()).toEqual({ ...none, complete_amended: 1 });

  await proxy.cut();
  await expect(log.begin(entry)).rejects.toThrow(StoreError);
  await expect(log.complete(id, { kind: 'success' })).rejects.toThrow(StoreError);
  const sums = await reader.sums();
  expect(sums).toMatchObject({ begin_refused: 1, complete_lost: 1, complete_amended: 1 });
  expect(sums['complete_retried']).toBeGreaterThanOrEqual(3);
});

class OnDemandReader extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}

  async sums(): Promise<Record<string, number>> {
    const { resourceMetrics } = await this.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return Object.fromEntries(
      metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name.replace('sealog_', ''),
        dataPoints.reduce((sum, { value }) => sum + (value as number), 0),
      ]),
    );
  }
}
