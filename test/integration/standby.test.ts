import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { decodeCursor, encodeCursor } from '../../src/audit-log/cursor.ts';
import { type AuditLog, createAuditLog, type Page } from '../../src/index.ts';
import { openPool } from '../../src/store/open-pool.ts';
import { askAgain } from '../support/stable-past/ask-again.ts';
import { type Count, takeCensus } from '../support/stable-past/census.ts';
import { setClock } from '../support/stable-past/disturbances.ts';
import { FinalPast } from '../support/stable-past/final-past.ts';
import { History, type SeenEntry } from '../support/stable-past/history.ts';
import { startLoad } from '../support/stable-past/load.ts';
import { chooseSeed, seededRandom } from '../support/stable-past/random.ts';
import { newestFirst, ranges, tail } from '../support/stable-past/readers.ts';
import { violationsOfCensus, violationsOfPages, violationsOfTail } from '../support/stable-past/violations.ts';
import { startStreamingPair, type StreamingPair } from '../support/streaming-pair.ts';
import { waitForWork, waitUntil } from '../support/wait.ts';

const seed = chooseSeed();

interface Server {
  readonly pool: pg.Pool;
  readonly auditLog: AuditLog;
}

let pair: StreamingPair;
let primary: Server;
let standby: Server;
beforeAll(async () => {
  pair = await startStreamingPair();
  [primary, standby] = [connect(pair.primaryUrl), connect(pair.standbyUrl)];
});
afterAll(async () => {
  await Promise.all([primary, standby].map(({ pool }) => pool.end()));
  await pair[Symbol.asyncDispose]();
});

function connect(url: string): Server {
  const pool = openPool({ connectionString: url, max: 8, applicationName: 'standby-test', onError: () => {} });
  return { pool, auditLog: createAuditLog({ pool }) };
}

async function begin(): Promise<string> {
  return (await primary.auditLog.begin({ operationId: 'disk_create', actor: { kind: 'system' } })).id;
}

async function completeOne(): Promise<string> {
  const id = await begin();
  const outcome = await primary.auditLog.complete(id, { kind: 'success' });
  if (outcome.status !== 'completed') throw new Error(`it was ${outcome.status}`);
  return id;
}

const idsOf = (page: Pick<Page, 'entries'>): string[] => page.entries.map(({ id }) => id);

function horizonsIn(histories: readonly History[]): number {
  return new Set(histories.flatMap(({ pages }) => pages.map(({ horizon }) => horizon))).size;
}

async function untilStandbyHas(horizon: string): Promise<void> {
  await waitUntil('the standby has come to the horizon', async () => {
    const page = await standby.auditLog.list({ limit: 1 });
    return page.horizon >= horizon;
  });
}

describe('a cursor of the primary skips nothing on a standby that is behind', () => {
  test('newest first', async () => {
    for (const _ of Array(3)) await completeOne();
    await catchUpAndPause();
    for (const _ of Array(3)) await completeOne();
    const { next } = await primary.auditLog.list({ order: 'descending', limit: 1 });
    expect(await skippedByStandby(next)).toEqual([]);
  });

  test('ascending, when commits came in another order than their stamps', async () => {
    const { next: start } = await primary.auditLog.list({ limit: 10_000 });
    const late = await begin();
    const client = await primary.pool.connect();
    await client.query('begin');
    await client.query(`update sealog.audit_log set result_kind = 'success' where id = $1`, [late]);
    const early = await completeOne();
    await waitUntil('the standby has the one that committed first', async () => {
      const row = `select from sealog.audit_log where id = $1 and result_kind is not null`;
      return (await standby.pool.query(row, [early])).rowCount === 1;
    });
    await standby.pool.query('select pg_wal_replay_pause()');
    await client.query('commit');
    client.release();
    await completeOne();
    const { next } = await primary.auditLog.list({ after: start, limit: 1 });
    const { horizon } = decodeCursor(next);
    // The same place, before the late one, up to the same horizon.
    expect(await skippedByStandby(encodeCursor({ ...decodeCursor(start), horizon }))).toEqual([]);
  });

  afterEach(async () => void (await standby.pool.query('select pg_wal_replay_resume()')));
});

async function catchUpAndPause(): Promise<void> {
  await untilStandbyHas((await primary.auditLog.list()).horizon);
  await standby.pool.query('select pg_wal_replay_pause()');
}

/** Entries that come before the last one that the standby answers, and that it does not. */
async function skippedByStandby(after: string): Promise<string[]> {
  // An error would do, and so would less: the rest then comes with the next cursor.
  const page = await standby.auditLog.list({ after, limit: 1 }).catch(() => ({ entries: [] }));
  const expected = idsOf(await primary.auditLog.list({ after, limit: 10 }));
  return page.entries.length === 0 ? [] : expected.slice(0, expected.indexOf(page.entries[0]!.id));
}

describe(`while the primary is written to (SEALOG_TEST_SEED=${seed})`, () => {
  // Last: it ends with a promotion.
  test('what a standby answers stays so, on both servers, and after it was promoted', async () => {
    await using stack = new AsyncDisposableStack();
    const load = stack.use(
      await startLoad({ url: pair.primaryUrl, pool: primary.pool, seed, processes: 2, rough: true, restMs: 8 }),
    );
    const seen = new Map<string, SeenEntry>();
    const history = (reader: string, { auditLog }: Server) =>
      new History(reader, (query) => auditLog.list(query), seen);
    const tailing = history('tail on the standby', standby);
    const ranging = history('ranges on the standby', standby);
    const newest = history('newest first on the standby', standby);
    const counting = history('census on the standby', standby);
    const onPrimary = history('tail on the primary', primary);
    const counts: Count[] = [];
    const quiet = new AbortController();
    const context = (salt: number) => ({ random: seededRandom(seed ^ salt), signal: quiet.signal });
    const reading = Promise.all([
      tail(tailing.list, context(1)),
      ranges(ranging.list, context(2)),
      newestFirst(newest.list, context(3)),
      takeCensus(counting.list, standby.pool, counts, context(4)),
      // Seals, so that the standby has something to answer.
      tail(onPrimary.list, context(5)),
    ]);
    const histories = [tailing, ranging, newest, counting];
    const done = () => ({ horizons: horizonsIn(histories), commits: load.commits(), ...load.tally });
    const isEnough = () => {
      const { horizons, commits, clockSteps, killed, paused } = done();
      return horizons >= 100 && commits >= 500 && clockSteps >= 15 && killed >= 5 && paused >= 1;
    };
    await Promise.race([waitForWork('there is enough to judge', isEnough, done), reading]);
    const { committed, unexpected } = await load.stop();
    await untilStandbyHas((await primary.auditLog.list()).horizon);
    quiet.abort();
    await reading;

    const past = await FinalPast.read(primary.pool);
    const outcome = { past, committed };
    const pages = histories.flatMap((each) => each.pages);
    console.log(`on the standby: ${JSON.stringify({ seed, completed: committed.size, pages: pages.length })}`);
    expect(unexpected).toEqual([]);
    expect((await FinalPast.read(standby.pool)).entries).toEqual(past.entries);
    expect([
      ...[...histories, onPrimary].flatMap((each) => violationsOfPages(each, outcome)),
      ...violationsOfTail(tailing, outcome),
      ...violationsOfTail(onPrimary, outcome),
      ...violationsOfCensus(counts, outcome),
    ]).toEqual([]);
    const sample = pages.filter((_, index) => index % 4 === 0);
    expect(await askAgain((query) => standby.auditLog.list(query), sample)).toEqual([]);
    expect(await askAgain((query) => primary.auditLog.list(query), sample)).toEqual([]);
    expect(committed.size).toBeGreaterThanOrEqual(500);
    // It could not have written anything, and not one of the lists above failed.
    const { rows } = await standby.pool.query('select pg_is_in_recovery() as "isStandby"');
    expect(rows).toEqual([{ isStandby: true }]);

    const id = await begin();
    await waitUntil('the standby has the entry', async () => {
      return (await standby.pool.query('select from sealog.audit_log where id = $1', [id])).rowCount === 1;
    });
    await standby.pool.query('select pg_promote()');
    // The new primary's clock is behind that of the old one.
    await setClock(standby.pool, -3_600_000);
    const completion = await standby.auditLog.complete(id, { kind: 'success' });
    const highest = pages.reduce((most, { horizon }) => (horizon > most ? horizon : most), '');
    expect(completion).toMatchObject({ status: 'completed' });
    expect('timeCompleted' in completion && completion.timeCompleted > highest).toBe(true);
    expect(await askAgain((query) => standby.auditLog.list(query), sample.slice(0, 200))).toEqual([]);
  });
});
