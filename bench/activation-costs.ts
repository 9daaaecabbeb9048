/**
 * Where the time of an activation goes: a real worker drains a backlog, few and many entries at a time, and a proxy
 * before it times its round trips.
 */
import { drainByWorker } from './backlog/drain.ts';
import { type RoundTrip, watchRoundTrips } from './backlog/round-trips.ts';
import { addCompletedEntries, ownerOf } from './entries/completed.ts';
import { beginBacklog, countResults } from './entries/incomplete.ts';
import type { Benchmark, Plot, Row } from './harness/benchmark.ts';
import { spread } from './harness/measure.ts';

const FULL = {
  completed: 1_000_000,
  batches: [
    { limit: 2, entries: 600 },
    { limit: 1000, entries: 100_000 },
  ],
};
const TINY = { completed: 1000, batches: [{ limit: 2, entries: 20 }] };

const STATEMENT = 'the statement';
const PROCESS = 'between them, in the process';
/** What a round trip is for: the first that matches. */
const PARTS: readonly (readonly [part: string, text: RegExp])[] = [
  [STATEMENT, /^with "stale"/],
  ['pg-boss: claim, completion, next job', /pgboss\./],
  ['commit', /^commit/],
  ['begin, limits, cutoff, savepoint', /^/],
];

export const benchmark: Benchmark = {
  name: 'activation-costs',
  question: 'Where does the time of an activation go?',
  async run({ tiny, largest, server, progress }) {
    const { completed, batches } = tiny ? TINY : FULL;
    await using database = await server.createDatabase();
    await addCompletedEntries(database.url, { from: 0, to: Math.min(completed, largest), progress });
    await using owner = await ownerOf(database.url);
    await using proxy = await watchRoundTrips(database.url);
    const rows: Row[] = [];
    let begun = 0;
    for (const { limit, entries } of batches) {
      progress(`${entries.toLocaleString('en')} stale entries at limit ${limit}`);
      await beginBacklog(owner, entries);
      begun += entries;
      proxy.forget();
      await drainByWorker(proxy.url, { limit, entries });
      rows.push(...rowsOf(activationsOf(proxy.roundTrips()), limit));
    }
    const results = await countResults(database.pool);
    return {
      tables: [{ title: 'An activation, by what its round trips are for', rows }],
      aims: [],
      counts: [
        { what: 'entries closed', expected: begun, counted: results.timeout },
        { what: 'entries left incomplete', expected: 0, counted: results.incomplete },
      ],
      plot: plotOf(rows),
      notes: ['From one statement of the job to the next, in a backlog. The proxy takes a part of the time itself.'],
    };
  },
};

/** The round trips of each activation, and the first one of the next: its statement. */
function activationsOf(roundTrips: readonly RoundTrip[]): readonly (readonly RoundTrip[])[] {
  const starts = roundTrips.flatMap(({ text }, index) => (partOf(text) === STATEMENT ? [index] : []));
  const activations = starts.slice(0, -1).map((start, index) => roundTrips.slice(start, starts[index + 1]! + 1));
  // The first ones are those of a process that has just started.
  return activations.slice(activations.length >> 3);
}

function rowsOf(activations: readonly (readonly RoundTrip[])[], limit: number): readonly Row[] {
  const times = activations.map((all) => {
    const [mine, next] = [all.slice(0, -1), all.at(-1)!];
    const sum = (trips: readonly RoundTrip[]) => trips.reduce((total, { ms }) => total + ms, 0);
    const whole = next.startedMs - mine[0]!.startedMs;
    const parts = PARTS.map(([part]) => {
      const its = mine.filter(({ text }) => partOf(text) === part);
      return { part, trips: its.length, ms: sum(its) };
    });
    return [
      ...parts,
      { part: PROCESS, trips: 0, ms: whole - sum(mine) },
      { part: 'in all', trips: mine.length, ms: whole },
    ];
  });
  return times[0]!.map(({ part }, index) => {
    const { n, median, q1, q3 } = spread(times.map((parts) => parts[index]!.ms));
    const trips = spread(times.map((parts) => parts[index]!.trips)).median;
    return { limit, part, activations: n, 'round trips': trips, 'median ms': median, 'q1 ms': q1, 'q3 ms': q3 };
  });
}

function partOf(text: string): string {
  return PARTS.find(([, matches]) => matches.test(text))![0];
}

function plotOf(rows: readonly Row[]): Plot {
  return {
    title: 'Where the time of an activation goes',
    data: { values: rows.filter(({ part }) => part !== 'in all') },
    facet: { row: { field: 'limit', type: 'nominal', title: 'limit' } },
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 480,
      mark: 'bar',
      encoding: {
        y: { field: 'part', type: 'nominal', sort: null, title: null },
        x: { field: 'median ms', type: 'quantitative' },
      },
    },
  };
}
