import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { type AuditLog, createAuditLog, type NewEntry } from '../../src/index.ts';
import { list } from '../../src/list.ts';
import { databaseOn, guarded } from '../../src/store/database.ts';
import { connected, testPool } from '../support/connection.ts';
import { listeningTo } from '../support/counter.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(() => database[Symbol.asyncDispose]());

const entry: NewEntry = { operationId: 'disk_create', actor: { kind: 'system' } };

test('ten completions that get no answer leave a pool of ten to those that begin', async () => {
  const beginsAgain = (log: AuditLog) =>
    waitUntil('it begins again', () => log.begin(entry).then(Boolean, () => false));
  const givenUp = async (url: string, silence: (ids: readonly string[]) => unknown) => {
    const pool = testPool({ connectionString: url, max: 10, connectionTimeoutMillis: PATIENCE_MS });
    const patient = createAuditLog({ pool, beginTimeoutMs: PATIENCE_MS });
    const begun = await Promise.all(Array.from({ length: 10 }, () => patient.begin(entry)));
    const log = createAuditLog({ pool });
    const ids = begun.map(({ id }) => id);
    expect(pool.totalCount).toBe(10);
    Object.assign(pool.options, { connectionTimeoutMillis: 1000 });
    await silence(ids);
    const completions = await Promise.allSettled(ids.map((id) => log.complete(id, { kind: 'success' })));
    const message = expect.stringMatching(/answer within 5000 ms/);
    expect(completions).toEqual(
      ids.map(() => expect.objectContaining({ reason: expect.objectContaining({ message }) })),
    );
    return { pool, log, ids };
  };
  const halfOpen = async (): Promise<void> => {
    await using proxy = await startProxy(database.url);
    const { pool, log } = await givenUp(proxy.url, () => proxy.halfOpen());
    await proxy.mend();
    await beginsAgain(log);
    await pool.end();
  };
  const silent = async (): Promise<void> => {
    await using proxy = await startProxy(database.url);
    const { pool, log } = await givenUp(proxy.url, () => proxy.freeze());
    proxy.thaw();
    await beginsAgain(log);
    await pool.end();
  };
  const locked = async (): Promise<void> => {
    await using holder = await connected(database.url);
    const { pool, log, ids } = await givenUp(database.url, async (begun) => {
      await holder.query('begin');
      await holder.query('select from sealog.audit_log where id = any($1) for update', [begun]);
    });
    // While they are locked.
    await beginsAgain(log);
    await waitUntil('nothing waits at the server', async () => {
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return (await database.pool.query(waiting)).rowCount === 0;
    });
    await holder.query('commit');
    const completed = 'select from sealog.audit_log where id = any($1) and result_kind is not null';
    expect((await database.pool.query(completed, [ids])).rowCount).toBe(0);
    await pool.end();
  };
  await Promise.all([halfOpen(), silent(), locked()]);
});

test('a page that gets no answer on a pool without a time limit is given up, and its connection closed', async () => {
  await using proxy = await startProxy(database.url);
  const pool = testPool({ connectionString: proxy.url, max: 2 });
  const log = databaseOn(guarded(pool), 'sealog', 300);
  await Promise.all([list(log, {}), list(log, {})]);
  proxy.halfOpen();
  await Promise.all([1, 2].map(() => expect(list(log, {})).rejects.toThrow('list: Query read timeout')));
  await proxy.mend();
  expect((await list(log, {})).entries).toEqual(expect.any(Array));
  await pool.end();
});

describe('an outcome survives every way in which the server ends its statement for time', () => {
  test.each([
    ['57014', 'statement_timeout', 0],
    ['55P03', 'lock_timeout', 0],
    ['25P04', 'transaction_timeout', 170_000],
  ])('%s, after %s', async (_sqlState, setting, sinceVersion) => {
    const { rows } = await database.pool.query(`select current_setting('server_version_num')::integer as version`);
    if (rows[0].version < sinceVersion) return;
    const pool = testPool({ connectionString: database.url, options: `-c ${setting}=300ms` });
    const { promise: repeated, resolve: repeats } = Promise.withResolvers<void>();
    await using log = createAuditLog({ pool, meterProvider: listeningTo('sealog_complete_retried', repeats) });
    const { id } = await createAuditLog({ pool: database.pool, beginTimeoutMs: PATIENCE_MS }).begin(entry);
    await using holder = await connected(database.url);
    await holder.query('begin');
    await holder.query('select from sealog.audit_log where id = $1 for update', [id]);
    const completing = log.complete(id, { kind: 'success' });
    // When the first attempt has been ended, which may be the end of the completion too.
    await Promise.race([repeated, completing]);
    await holder.query('commit');
    expect(await completing).toMatchObject({ status: 'completed' });
    await pool.end();
  });

  test('but an operation does not run when its entry could not be begun in time, and the error says why', async () => {
    const options = '-c statement_timeout=100ms';
    const pool = testPool({ connectionString: database.url, options });
    await using log = createAuditLog({ pool, beginTimeoutMs: PATIENCE_MS });
    await using holder = await connected(database.url);
    await holder.query('begin; lock table sealog.audit_log');
    await expect(log.begin(entry)).rejects.toMatchObject({
      code: 'SEALOG_STORE',
      sqlState: '57014',
      message: 'begin: canceling statement due to statement timeout',
    });
    await holder.query('commit');
    await pool.end();
  });
});

describe('an entry is begun again when the server has certainly not begun it', () => {
  test.each(['serialization_failure', 'deadlock_detected'])('%s', async (condition) => {
    await database.pool.query(`
      create sequence trouble;
      create function refuse_twice() returns trigger language plpgsql as $$
      begin
        if nextval('public.trouble') <= 2 then raise ${condition}; end if;
        return new;
      end $$;
      create trigger refuse_twice before insert on sealog.audit_log for each row execute function refuse_twice();
    `);
    await using log = createAuditLog({ connectionString: database.url, beginTimeoutMs: PATIENCE_MS });
    const { id } = await log.begin(entry);
    expect(await log.complete(id, { kind: 'success' })).toMatchObject({ status: 'completed' });
    await database.pool.query(`alter sequence trouble restart minvalue -1000000 start -1000000`);
    await using hasty = createAuditLog({ connectionString: database.url, beginTimeoutMs: 300 });
    await expect(hasty.begin(entry)).rejects.toThrow(/^begin: (?:serialization_failure|deadlock_detected|expected)/);
    await database.pool.query('drop function refuse_twice cascade; drop sequence trouble');
  });

  test('on a session that the server has ended while it was idle', async () => {
    await using proxy = await startProxy(database.url);
    const session = { application_name: 'idle', options: '-c idle_session_timeout=200ms' };
    const pool = testPool({ connectionString: proxy.url, max: 1, ...session });
    await using log = createAuditLog({ pool, beginTimeoutMs: PATIENCE_MS });
    await log.begin(entry);
    // The news of the end and the next statement cross.
    proxy.freeze();
    const beginning = log.begin({ ...entry, operationId: 'crossed' });
    await waitUntil('the server has ended the session', async () => {
      const sessions = `select from pg_stat_activity where datname = current_database() and application_name = 'idle'`;
      return (await database.pool.query(sessions)).rowCount === 0;
    });
    proxy.thaw();
    const { id } = await beginning;
    const begun = await database.pool.query(`select id from sealog.audit_log where operation_id = 'crossed'`);
    expect(begun.rows).toEqual([{ id }]);
    await pool.end();
  });
});

test('statements that somebody has deallocated on a connection of the pool are prepared again on another', async () => {
  const pool = testPool({ connectionString: database.url, max: 1 });
  await using log = createAuditLog({ pool, preparedStatements: true });
  const named = { ...entry, operationId: 'deallocated' };
  const first = await log.begin(named);
  await log.complete(first.id, { kind: 'success' });
  await pool.query('deallocate all');
  const second = await log.begin(named);
  await log.complete(second.id, { kind: 'success' });
  const third = await log.begin(named);
  await pool.query('deallocate all');
  await log.complete(third.id, { kind: 'success' });
  const { rows } = await database.pool.query(
    `select id, result_kind from sealog.audit_log where operation_id = 'deallocated' order by time_started, id`,
  );
  expect(rows).toEqual([first, second, third].map(({ id }) => ({ id, result_kind: 'success' })));
  await pool.end();
});

test('nothing is written in a transaction that somebody left open on a connection of the pool', async () => {
  const pool = testPool({ connectionString: database.url, max: 1 });
  await using log = createAuditLog({ pool });
  for (const left of ['begin', 'begin; select 1/0']) {
    const client = await pool.connect();
    await client.query(left).catch(() => {});
    client.release();
    const { id } = await log.begin(entry);
    await log.complete(id, { kind: 'success' });
    const committed = 'select from sealog.audit_log where id = $1 and result_kind is not null';
    expect((await database.pool.query(committed, [id])).rowCount).toBe(1);
  }
  await pool.end();
});

test('nothing is answered from a transaction that begins on a connection of the pool after it was given back', async () => {
  const pool = testPool({ connectionString: database.url, max: 1 });
  await using log = createAuditLog({ pool });
  const others = createAuditLog({ pool: database.pool });
  await using holder = await connected(database.url);
  /** What is answered behind a transaction whose beginning was given up for time, and whose rollback was not sent. */
  const behindTransaction = async <T>(action: () => Promise<T>, meanwhile: () => unknown = () => {}) => {
    await holder.query('select pg_advisory_lock(1)');
    const client = await pool.connect();
    const snapshot = 'select from sealog.audit_log; select pg_advisory_lock_shared(1)';
    for (const text of [`begin isolation level repeatable read; ${snapshot}`, 'rollback']) {
      const givenUp = { text, query_timeout: 200 };
      await expect(client.query(givenUp)).rejects.toThrow('Query read timeout');
    }
    await waitUntil('the transaction has its snapshot', async () => {
      const waiting = `select from pg_locks where locktype = 'advisory' and objid = 1 and not granted`;
      return (await holder.query(waiting)).rowCount === 1;
    });
    client.release();
    await meanwhile();
    const answering = action();
    await holder.query('select pg_advisory_unlock(1)');
    return await answering;
  };
  const complete = (id: string) => log.complete(id, { kind: 'success' });
  const isCommitted = async (id: string, condition: string): Promise<boolean> => {
    const { rowCount } = await database.pool.query(`select from sealog.audit_log where id = $1 and ${condition}`, [id]);
    return rowCount === 1;
  };

  const { id } = await behindTransaction(() => log.begin(entry));
  expect(await isCommitted(id, 'result_kind is null')).toBe(true);
  expect(await behindTransaction(() => complete(id))).toMatchObject({ status: 'completed' });
  expect(await isCommitted(id, `result_kind = 'success'`)).toBe(true);

  const readers = [
    async (later: string) => (await log.find(later)) !== null,
    async (later: string) => (await log.list({ limit: 10_000 })).entries.some((shown) => shown.id === later),
  ];
  for (const reads of readers) {
    const later = await others.begin(entry);
    const completing = () => others.complete(later.id, { kind: 'success' });
    expect(await behindTransaction(() => reads(later.id), completing)).toBe(true);
  }
  await pool.end();
});

test('a pool whose connections do not tell whether they are in a transaction is refused by name', async () => {
  const pool = testPool({ connectionString: database.url, max: 1 });
  class Wrapped {
    readonly client: pg.PoolClient;
    constructor(client: pg.PoolClient) {
      this.client = client;
    }
    query = (text: string, values: unknown[]) => this.client.query(text, values);
    release = (destroy?: boolean) => this.client.release(destroy);
  }
  const wrapping = { options: {}, connect: async () => new Wrapped(await pool.connect()), end: async () => {} };
  const log = createAuditLog({ pool: wrapping as never });
  const id = '019a0000-0000-7000-8000-000000000000';
  for (const call of [
    () => log.begin(entry),
    () => log.complete(id, { kind: 'success' }),
    () => log.find(id),
    () => log.list(),
  ]) {
    await expect(call()).rejects.toMatchObject({
      code: 'SEALOG_INVALID_ARGUMENT',
      message:
        'pool: expected connections with getTransactionStatus, as those of pg since 8.22, got a Wrapped without it',
    });
    expect(pool.idleCount).toBe(1);
  }
  await pool.end();
});

describe('on a Unix socket', () => {
  test('an outcome survives a connection that the server has closed', async () => {
    await using socket = await startSocket(database.url);
    const { username: user, password, pathname } = new URL(database.url);
    const pool = testPool({ host: socket.directory, user, password, database: pathname.slice(1), port: 5432, max: 1 });
    await using log = createAuditLog({ pool });
    const { id } = await log.begin(entry);
    socket.closeAll();
    // Sent before the end of the connection has been read.
    expect(await log.complete(id, { kind: 'success' })).toMatchObject({ status: 'completed' });
    await pool.end();
  });
});

async function startSocket(url: string): Promise<AsyncDisposable & { directory: string; closeAll(): void }> {
  const directory = await mkdtemp(join(tmpdir(), 'sealog-socket-'));
  const target = new URL(url);
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client.on('error', () => {}));
    const upstream = connect(Number(target.port), target.hostname).on('error', () => {});
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
  }).listen(join(directory, '.s.PGSQL.5432'));
  await once(server, 'listening');
  const closeAll = (): void => {
    for (const client of clients) client.destroy();
    clients.clear();
  };
  return {
    directory,
    closeAll,
    async [Symbol.asyncDispose]() {
      closeAll();
      await once(server.close(), 'close');
      await rm(directory, { recursive: true });
    },
  };
}
