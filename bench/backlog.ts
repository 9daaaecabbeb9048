/**
 * A backlog of stale entries: drained by a real worker, a process of its own with its queue, its log and its triggers,
 * against a bare loop of the same batches for which no trigger fires, on the same table.
 */
import type pg from 'pg';
import { drainByWorker } from './backlog/drain.ts';
import { timeoutGuarded } from './entries/bare-statements.ts';
import { addCompletedEntries, ownerOf } from './entries/completed.ts';
import { beginBacklog, countResults } from './entries/incomplete.ts';
import type { Benchmark, Row } from './harness/benchmark.ts';
import { inTurn, type Measure, median, ratios, spread, timed } from './harness/measure.ts';

interface Load {
  readonly completed: number;
  readonly limits: readonly { readonly limit: number; readonly entries: number }[];
  readonly rounds: number;
}

const FULL: Load = {
  completed: 1_000_000,
  limits: [
    { limit: 100, entries: 20_000 },
    { limit: 316, entries: 50_000 },
    { limit: 1000, entries: 100_000 },
    { limit: 3162, entries: 100_000 },
    { limit: 10_000, entries: 100_000 },
  ],
  rounds: 3,
};
const TINY: Load = { completed: 1000, limits: [{ limit: 100, entries: 500 }], rounds: 1 };

/** No log and no backlog is larger than that. */
function upTo(largest: number, { completed, limits, rounds }: Load): Load {
  return {
    completed: Math.min(completed, largest),
    limits: limits.map(({ limit, entries }) => ({ limit, entries: Math.min(entries, largest) })),
    rounds,
  };
}

export const benchmark: Benchmark = {
  name: 'backlog',
  question: 'How fast is a backlog drained, beside a bare loop of the same batches?',
  async run({ tiny, largest, server, progress }) {
    const { completed, limits, rounds } = upTo(largest, tiny ? TINY : FULL);
    await using database = await server.createDatabase();
    await addCompletedEntries(database.url, { from: 0, to: completed, progress });
    await using owner = await ownerOf(database.url);
    const rows: Row[] = [];
    const rates: Row[] = [];
    let begun = 0;
    let atThousand = Number.NaN;
    for (const { limit, entries } of limits) {
      progress(`${entries.toLocaleString('en')} stale entries at limit ${limit}, ${rounds} rounds of two`);
      const fresh = async () => {
        await beginBacklog(owner, entries);
        begun += entries;
      };
      const rate =
        (drain: () => Promise<number>): Measure =>
        async () => {
          await fresh();
          return entries / ((await drain()) / 1000);
        };
      const samples = await inTurn(
        {
          worker: rate(() => drainByWorker(database.url, { limit, entries })),
          'bare loop': rate(() => drainBare(owner, limit)),
        },
        { rounds, warmUp: 0 },
      );
      rates.push(
        ...Object.entries(samples).map(([who, all]) => {
          const { q1, median: middle, q3 } = spread(all);
          return { limit, who, 'entries/s': middle, q1, q3 };
        }),
      );
      const ofBare = spread(ratios(samples.worker, samples['bare loop']));
      if (limit === 1000 || tiny) atThousand = ofBare.median;
      rows.push({
        limit,
        entries,
        'worker, entries/s': Math.round(median(samples.worker)),
        'bare loop, entries/s': Math.round(median(samples['bare loop'])),
        'of bare': ofBare.median,
        'of bare, least': ofBare.min,
        'of bare, most': ofBare.max,
      });
    }
    const results = await countResults(database.pool);
    return {
      tables: [
        { title: `A backlog in a log of ${completed.toLocaleString('en')} completed entries`, rows },
        { title: 'Entries drained a second', rows: rates },
      ],
      aims: [
        { aim: 'at least 0.85 of the bare loop at limit 1000', measured: atThousand, reached: atThousand >= 0.85 },
      ],
      counts: [
        { what: 'entries closed', expected: begun, counted: results.timeout },
        { what: 'entries left incomplete', expected: 0, counted: results.incomplete },
      ],
      plot: plotOf(rates),
      notes: [
        `${rounds} rounds a limit, worker and loop in turn; from the first batch's start to the last one's commit.`,
      ],
    };
  },
};

async function drainBare(owner: pg.Client, limit: number): Promise<number> {
  return await timed(async () => {
    const { rows } = await owner.query<{ cutoff: string }>(`select (now() - interval '4 hours')::text as cutoff`);
    while ((await timeoutGuarded(owner, { cutoff: rows[0]!.cutoff, limit })) === limit);
  });
}

function plotOf(rates: readonly Row[]) {
  return {
    title: 'Draining a backlog, by the limit of a batch',
    width: 480,
    data: { values: rates },
    encoding: {
      x: { field: 'limit', type: 'quantitative', scale: { type: 'log', nice: false } },
      color: { field: 'who', type: 'nominal', title: null, sort: null },
    },
    layer: [
      {
        mark: { type: 'line', point: true },
        encoding: { y: { field: 'entries/s', type: 'quantitative', title: 'entries/s (median, quartiles)' } },
      },
      { mark: 'rule', encoding: { y: { field: 'q1', type: 'quantitative' }, y2: { field: 'q3' } } },
    ],
  };
}
