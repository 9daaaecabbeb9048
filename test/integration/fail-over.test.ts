import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuditLog, type NewEntry } from '../../src/index.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { openPool } from '../../src/store/open-pool.ts';
import { timeoutStaleEntries } from '../../src/store/timeout-stale-entries.ts';
import { inTransaction } from '../../src/store/transaction.ts';
import { listeningTo } from '../support/counter.ts';
import { testPool } from '../support/connection.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startStreamingPair, type StreamingPair } from '../support/streaming-pair.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';
import { TIMINGS } from '../../src/worker/timings.ts';

let pair: StreamingPair;
beforeAll(async () => void (pair = await startStreamingPair()));
afterAll(async () => await pair[Symbol.asyncDispose]());

const entry: NewEntry = { operationId: 'disk_create', actor: { kind: 'system' } };

test('a pool that is never idle leaves a server that is not the primary any more, and no outcome is lost', async () => {
  await using proxy = await startProxy(pair.primaryUrl);
  const pool = testPool({ connectionString: proxy.url, max: 2 });
  const { promise: repeated, resolve: repeats } = Promise.withResolvers<void>();
  await using log = createAuditLog({ pool });
  await using counted = createAuditLog({ pool, meterProvider: listeningTo('sealog_complete_retried', repeats) });
  const { id } = await log.begin(entry);
  // What a client sees whose address leads to the old primary for a while after this was made a standby.
  proxy.redirect(pair.standbyUrl);
  await proxy.cut();
  await proxy.mend();
  await waitUntil('the pool is connected again', () => log.list().then(Boolean, () => false));
  await expect(log.begin(entry)).rejects.toMatchObject({ code: 'SEALOG_STORE', sqlState: '25006' });
  const completing = counted.complete(id, { kind: 'success' });
  await Promise.race([repeated, completing]);
  proxy.redirect(pair.primaryUrl);
  expect(await completing).toMatchObject({ status: 'completed' });
  for (let n = 0; n < 3; n++) await log.begin(entry);
  await pool.end();
});

test('so does a worker', async () => {
  await using proxy = await startProxy(pair.standbyUrl);
  const pool = openPool({ connectionString: proxy.url, max: 1, applicationName: 'worker', onError: () => {} });
  const database = auditLogDatabase(pool, 'sealog');
  const activate = () =>
    inTransaction(database, TIMINGS.transaction, (transaction) =>
      timeoutStaleEntries(transaction, { cutoff: '2020-01-01T00:00:00.000000Z', limit: 1 }),
    );
  await expect(activate()).rejects.toMatchObject({ code: '25006' });
  proxy.redirect(pair.primaryUrl);
  expect(await activate()).toMatchObject({ timedOut: 0 });
  await pool.end();
});

test('a page of a standby is read again when the replay was in its way', async () => {
  const primary = testPool({ connectionString: pair.primaryUrl });
  const standby = testPool({ connectionString: pair.standbyUrl });
  await standby.query(`alter system set max_standby_streaming_delay = 0`);
  await standby.query('select pg_reload_conf()');
  const conflicts = async () => {
    const counted = `select confl_snapshot::integer as n from pg_stat_database_conflicts where datname = current_database()`;
    return (await standby.query<{ n: number }>(counted)).rows[0]!.n;
  };
  const before = await conflicts();
  // The answer of the horizon takes its time there, so that it is certainly in the way.
  await primary.query(`
    create function sealog.slowly(microseconds bigint) returns timestamptz language plpgsql as $$
    begin
      perform pg_sleep(0.2);
      return timestamptz 'epoch' + microseconds * interval '1 microsecond';
    end $$;
    create table sealog.trash (n integer);
  `);
  const { rows } = await primary.query(
    `select pg_get_functiondef('sealog.audit_log_seal(timestamptz)'::regprocedure) as definition`,
  );
  const slow = String(rows[0].definition).replace('return audit_log_instant(', 'return sealog.slowly(');
  await primary.query(slow);
  const reader = createAuditLog({ pool: standby });
  const writer = createAuditLog({ pool: primary });
  const { id } = await writer.begin(entry);
  await writer.complete(id, { kind: 'success' });
  const enough = new AbortController();
  const reading = (async () => {
    const horizons = new Set<string>();
    while (!enough.signal.aborted) horizons.add((await reader.list()).horizon);
    return horizons.size;
  })();
  let ofOurs = 0;
  const replaying = waitUntil('the replay has ended a statement of the reader', async () => {
    await primary.query('insert into sealog.trash values (1)');
    await primary.query('delete from sealog.trash');
    await primary.query('vacuum sealog.trash');
    const ended = await conflicts().catch(() => ++ofOurs && 0);
    return ended > before + ofOurs;
  });
  await Promise.race([replaying, reading]);
  enough.abort();
  await replaying;
  expect(await reading).toBeGreaterThan(0);
  await Promise.all([primary.end(), standby.end()]);
});

test('a follower goes on behind its last entry when the database was away, and reports that it waits', async () => {
  await using proxy = await startProxy(pair.primaryUrl);
  const logger = recordingLogger();
  await using reader = createAuditLog({ connectionString: proxy.url, logger });
  await using writer = createAuditLog({ connectionString: pair.primaryUrl });
  const complete = async (): Promise<string> => {
    const { id } = await writer.begin(entry);
    await writer.complete(id, { kind: 'success' });
    return id;
  };
  const { next: after } = await writer.list({ limit: 10_000 });
  const first = await complete();
  const followed = reader.entries({ after, follow: true });
  expect((await followed.next()).value).toMatchObject({ id: first });
  const following = followed.next();
  await proxy.cut();
  await waitUntil('it reports that it waits', () => logger.withEvent('database.waiting').length > 1);
  const second = await complete();
  await proxy.mend();
  expect((await following).value).toMatchObject({ id: second });
  await followed.return();
});

test('a follower that waits ends by its signal, and one that has read nothing yet ends by its error', async () => {
  await using proxy = await startProxy(pair.primaryUrl);
  const logger = recordingLogger();
  await using reader = createAuditLog({ connectionString: proxy.url, logger });
  const abort = new AbortController();
  const { horizon: from } = await reader.list({ limit: 1 });
  const { id } = await reader.begin(entry);
  await reader.complete(id, { kind: 'success' });
  const followed = reader.entries({ from, follow: true, signal: abort.signal });
  await followed.next();
  const following = followed.next();
  await proxy.cut();
  await waitUntil('it waits', () => logger.withEvent('database.waiting').length > 0);
  abort.abort(new Error('enough'));
  await expect(following).rejects.toThrow('enough');
  await expect(reader.entries({ follow: true }).next()).rejects.toMatchObject({ code: 'SEALOG_STORE' });
});
