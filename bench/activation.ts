/**
 * An activation that finds two stale entries in a log of any size: sealog's, as the worker's job runs it, and from the
 * queue, against bare statements on the same pages. For those no trigger fires (session_replication_role): the same
 * table without triggers, and not a second one that the cache would treat differently.
 */
import { metrics, trace } from '@opentelemetry/api';
import type pg from 'pg';
import { auditTimeout } from '../src/jobs/audit-timeout.ts';
import { auditLogDatabase } from '../src/store/database.ts';
import { openPool } from '../src/store/open-pool.ts';
import { readCutoff } from '../src/store/read-cutoff.ts';
import { inTransaction } from '../src/store/transaction.ts';
import { activationMetrics } from '../src/worker/activation-metrics.ts';
import { openBoss, startUnmigrated } from '../src/worker/boss.ts';
import { ensureQueue } from '../src/worker/queue.ts';
import { runActivation } from '../src/worker/run-activation.ts';
import { loadSettings } from '../src/config/load-settings.ts';
import { recordingLogger } from '../test/support/recording-logger.ts';
import { timeoutGuarded, timeoutUnguarded } from './entries/bare-statements.ts';
import { addCompletedEntries, ownerOf } from './entries/completed.ts';
import { beginLostLogins, countResults } from './entries/incomplete.ts';
import type { Aim, Benchmark, Row } from './harness/benchmark.ts';
import { inTurn, type Measure, ratios, spread, timed } from './harness/measure.ts';
import { sizesUpTo } from './harness/sizes.ts';
import { TIMINGS } from '../src/worker/timings.ts';

// The fourth is the size of a production log, with two entries lost in it.
const SIZES = [10_000, 100_000, 1_000_000, 4_898_486, 20_000_000];
const TINY_SIZES = [1000, 5000];
const LIMIT = 1000;

export const benchmark: Benchmark = {
  name: 'activation',
  question: 'What does an activation cost that finds two lost entries, beside a bare statement, and does it grow?',
  async run({ tiny, largest, server, progress }) {
    await using database = await server.createDatabase();
    await using contest = await prepare(database.url);
    const [rounds, warmUp] = tiny ? [4, 1] : [200, 20];
    const rows: Row[] = [];
    const medians = new Map<string, number[]>();
    let filled = 0;
    let closed = 0;
    let last: readonly number[] = [];
    for (const size of sizesUpTo(largest, tiny ? TINY_SIZES : SIZES)) {
      await addCompletedEntries(database.url, { from: filled, to: size, progress });
      filled = size;
      progress(`${rounds} rounds at ${size.toLocaleString('en')}`);
      const samples = await inTurn(contest.contestants, { rounds, warmUp });
      closed += (rounds + warmUp) * Object.keys(samples).length * 2;
      for (const [contestant, all] of Object.entries(samples)) {
        const time = spread(all);
        const ratio = spread(ratios(all, samples['bare statement']!));
        medians.set(contestant, [...(medians.get(contestant) ?? []), time.median]);
        rows.push({
          'completed entries': size,
          contestant,
          'median ms': time.median,
          'q1 ms': time.q1,
          'q3 ms': time.q3,
          'of bare': ratio.median,
          'of bare, q1': ratio.q1,
          'of bare, q3': ratio.q3,
        });
      }
      last = ratios(samples['sealog']!, samples['bare statement']!);
    }
    const results = await countResults(database.pool);
    return {
      tables: [{ title: 'Two stale entries found and closed', rows }],
      aims: aimsOf(medians, last),
      counts: [
        { what: 'entries closed', expected: closed, counted: results.timeout },
        { what: 'entries left incomplete', expected: 0, counted: results.incomplete },
      ],
      plot: plotOf(rows),
      notes: [`${rounds} rounds a size, limit ${LIMIT}; each closes the same two logins, begun again before it.`],
    };
  },
};

function aimsOf(medians: ReadonlyMap<string, readonly number[]>, atLargest: readonly number[]): readonly Aim[] {
  const ratio = spread(atLargest).median;
  const ours = medians.get('sealog')!;
  const growth = Math.max(...ours) / Math.min(...ours);
  const fromQueue = Math.max(...medians.get('sealog, from the queue')!);
  return [
    { aim: 'at most 1.15 of the bare statement, in the largest log', measured: ratio, reached: ratio <= 1.15 },
    { aim: 'flat: slowest size at most 1.3 of the fastest', measured: growth, reached: growth <= 1.3 },
    { aim: 'single-digit milliseconds, from the queue', measured: fromQueue, reached: fromQueue < 10 },
  ];
}

/** Each contestant begins the two entries unmeasured, and answers how long it took to close them. */
async function prepare(url: string) {
  await using opening = new AsyncDisposableStack();
  const logger = recordingLogger();
  const pool = openPool({ connectionString: url, max: 4, applicationName: 'bench', onError: () => {} });
  opening.defer(() => pool.end());
  const bare = opening.use(await ownerOf(url));
  const { settings } = loadSettings({ env: { NODE_ENV: 'test', DATABASE_URL: url } });
  const database = auditLogDatabase(pool, settings.database.schema);
  const queue = { pool, schema: 'pgboss', auditLogSchema: 'sealog', logger, instanceName: 'bench' };
  const boss = openBoss({ ...queue, migrate: false, role: 'client' });
  await startUnmigrated(boss, 'pgboss');
  opening.defer(() => boss.stop({ graceful: false }));
  await ensureQueue(boss, auditTimeout.name, queue);
  const dependencies = {
    boss,
    queue,
    database,
    settings,
    logger,
    metrics: activationMetrics(metrics.getMeter('bench')),
    tracer: trace.getTracer('bench'),
    stopped: new AbortController().signal,
    timings: TIMINGS,
  };

  const lost =
    (close: (client: pg.Client, cutoff: string) => Promise<unknown>, before = async () => {}): Measure =>
    async () => {
      await beginLostLogins(bare);
      await before();
      // For the bare ones; sealog's activation reads its own, and that is a part of it.
      const cutoff = await readCutoff(database, settings.auditTimeout.timeoutSeconds);
      return await timed(() => close(bare, cutoff));
    };
  const activate = () =>
    inTransaction(database, TIMINGS.transaction, (transaction) =>
      auditTimeout.activate({ database: transaction, settings, by: 'bench', trigger: 'manual', halvings: 0 }),
    );
  const contestants: Readonly<Record<string, Measure>> = {
    'bare statement': lost((client, cutoff) => timeoutGuarded(client, { cutoff, limit: LIMIT })),
    'bare, in a transaction': lost(async (client, cutoff) => {
      await client.query('begin');
      await timeoutGuarded(client, { cutoff, limit: LIMIT });
      await client.query('commit');
    }),
    'bare, unguarded (the original)': lost((client, cutoff) => timeoutUnguarded(client, { cutoff, limit: LIMIT })),
    sealog: lost(activate),
    'sealog, from the queue': lost(
      async () => {
        const [attempt] = await boss.fetch(auditTimeout.name, { includeMetadata: true });
        await runActivation(dependencies, auditTimeout, attempt!);
      },
      async () => void (await boss.send(auditTimeout.name, { trigger: 'manual' })),
    ),
  };
  const opened = opening.move();
  return { contestants, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function plotOf(rows: readonly Row[]) {
  return {
    title: 'An activation that closes two entries, by the size of the log',
    width: 480,
    data: { values: rows },
    encoding: {
      x: { field: 'completed entries', type: 'quantitative', scale: { type: 'log' } },
      color: { field: 'contestant', type: 'nominal', title: null },
    },
    layer: [
      {
        mark: { type: 'line', point: true },
        encoding: { y: { field: 'median ms', type: 'quantitative', title: 'milliseconds (median, quartiles)' } },
      },
      { mark: 'rule', encoding: { y: { field: 'q1 ms', type: 'quantitative' }, y2: { field: 'q3 ms' } } },
    ],
  };
}
