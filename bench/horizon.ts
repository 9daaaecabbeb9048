/**
 * How far behind the present the completed past is final, by sealog's horizon and by what others do, with what each
 * loses. Writers and one reader are processes of their own; each phase begins with an empty table.
 */
import type { BenchDatabase } from './harness/server.ts';
import type { Aim, BenchContext, Benchmark, Row } from './harness/benchmark.ts';
import { inTurn, median, ratios, spread } from './harness/measure.ts';
import { type Phase, runPhase } from './horizon/phase.ts';
import { type Protocol, PROTOCOLS, TABLES } from './horizon/protocols.ts';

interface Load {
  readonly protocols: readonly Protocol[];
  readonly writers: readonly number[];
  readonly lateWriters: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly readers: number;
  readonly readerRounds: number;
}

const [sealog, , , upToNow] = PROTOCOLS;
const FULL: Load = {
  protocols: PROTOCOLS,
  writers: [1, 8, 16, 32],
  lateWriters: 16,
  rounds: 2,
  seconds: 3,
  readers: 50,
  readerRounds: 5,
};
const TINY: Load = {
  protocols: [sealog!, upToNow!],
  writers: [2],
  lateWriters: 4,
  rounds: 1,
  seconds: 0.2,
  readers: 3,
  readerRounds: 1,
};

export const benchmark: Benchmark = {
  name: 'horizon',
  question: 'How far behind the present is the past final, what is lost, and what do writers pay?',
  async run({ tiny, server, progress }) {
    const load = tiny ? TINY : FULL;
    await using database = await server.createDatabase();
    await database.pool.query(TABLES);
    const rows: Row[] = [];
    for (const writers of load.writers)
      rows.push(...(await compare(database, { load, writers, late: false, progress })));
    const late = await compare(database, { load, writers: load.lateWriters, late: true, progress });
    const audience = await withReaders(database, load, progress);
    return {
      tables: [
        { title: 'Every completion commits at once', rows },
        { title: 'One of fifty commits 50 to 300 ms late', rows: late },
        {
          title: `${load.lateWriters} writers beside ${load.readers} readers, each five times a second`,
          rows: audience.rows,
        },
      ],
      aims: aimsOf(rows, audience),
      counts: [...rows, ...late]
        .filter(({ protocol }) => ['sealog', 'exclusive lock', 'oldest transaction'].includes(String(protocol)))
        .flatMap(({ protocol, writers, lost, completed, seen }) => [
          { what: `${protocol}, ${writers} writers: lost`, expected: 0, counted: Number(lost) },
          { what: `${protocol}, ${writers} writers: seen`, expected: Number(completed), counted: Number(seen) },
        ]),
      plot: plotOf(rows),
      notes: [
        `${load.rounds} rounds of ${load.seconds} s for each protocol and number of writers, in turn; the reader rests 5 ms after each page.`,
        'Lag: from the stamp of an entry to the statement that shows it. Lost: at or before what the reader has passed, and never shown.',
      ],
    };
  },
};

interface Comparison {
  readonly load: Load;
  readonly writers: number;
  readonly late: boolean;
  readonly progress: BenchContext['progress'];
}

async function compare(
  database: BenchDatabase,
  { load, writers, late, progress }: Comparison,
): Promise<readonly Row[]> {
  const phases = new Map<string, Phase[]>(load.protocols.map(({ name }) => [name, []]));
  const phaseOf = async (protocol: Protocol, round: number): Promise<number> => {
    progress(`${writers} writers${late ? ', some late' : ''}: ${protocol.name}, round ${round + 1} of ${load.rounds}`);
    const { url, pool } = database;
    const phase = await runPhase({ url, pool, protocol, writers, readers: 1, restMs: 5, late, seconds: load.seconds });
    phases.get(protocol.name)!.push(phase);
    return phase.rate;
  };
  const contestants = load.protocols.map((protocol) => [protocol.name, (round: number) => phaseOf(protocol, round)]);
  await inTurn(Object.fromEntries(contestants), { rounds: load.rounds, warmUp: 0 });
  const sum = (all: readonly Phase[], what: 'committed' | 'lost' | 'seen') =>
    all.reduce((total, each) => total + each[what], 0);
  return [...phases].map(([protocol, all]) => {
    const lags = all.flatMap((phase) => phase.lags);
    // A reader that stays behind may have read nothing yet.
    const lag = lags.length > 0 ? spread(lags) : undefined;
    return {
      writers,
      protocol,
      'lag ms': lag?.median ?? null,
      'q1 ms': lag?.q1 ?? null,
      'q3 ms': lag?.q3 ?? null,
      'p99 ms': lag?.p99 ?? null,
      completed: sum(all, 'committed'),
      seen: sum(all, 'seen'),
      lost: sum(all, 'lost'),
      'completed/s': Math.round(median(all.map(({ rate }) => rate))),
    };
  });
}

/** What it costs writers that many read: beside none, and beside as many that read up to now and ask for no horizon. */
async function withReaders(database: BenchDatabase, load: Load, progress: BenchContext['progress']) {
  const { url, pool } = database;
  const scene = {
    url,
    pool,
    protocol: sealog!,
    writers: load.lateWriters,
    restMs: 200,
    late: false,
    seconds: load.seconds,
  };
  const naive = { ...upToNow!, page: sealog!.page };
  const rateOf =
    (what: string, readers: number, readBy = sealog!) =>
    async (round: number) => {
      progress(`${what}, round ${round + 1} of ${load.readerRounds}`);
      return (await runPhase({ ...scene, readers, readBy })).rate;
    };
  const samples = await inTurn(
    {
      'no reader': rateOf('no reader', 0),
      'readers up to now': rateOf('readers up to now', load.readers, naive),
      'readers up to the horizon': rateOf('readers up to the horizon', load.readers),
    },
    { rounds: load.readerRounds, warmUp: 0 },
  );
  const rows = Object.entries(samples).map(([readers, rates]) => {
    const of = spread(ratios(rates, samples['no reader']));
    return { readers, 'completed/s': Math.round(median(rates)), 'of no reader': of.median, q1: of.q1, q3: of.q3 };
  });
  const harm = spread(ratios(samples['readers up to the horizon'], samples['readers up to now'])).median;
  return { rows, harm };
}

function aimsOf(rows: readonly Row[], { harm }: { readonly harm: number }): readonly Aim[] {
  const ours = rows.filter(({ protocol }) => protocol === 'sealog');
  const lag = Math.max(...ours.map((row) => Number(row['lag ms'])));
  return [
    { aim: 'median lag under 20 ms at any number of writers', measured: lag, reached: lag < 20 },
    { aim: 'writers keep 0.95 of their rate beside readers up to now', measured: harm, reached: harm >= 0.95 },
  ];
}

function plotOf(rows: readonly Row[]) {
  return {
    title: 'How far behind the present the past is read',
    width: 480,
    data: { values: rows },
    encoding: {
      x: { field: 'writers', type: 'quantitative' },
      color: { field: 'protocol', type: 'nominal', title: null },
    },
    layer: [
      {
        mark: { type: 'line', point: true },
        encoding: {
          y: {
            field: 'lag ms',
            type: 'quantitative',
            scale: { type: 'log' },
            title: 'milliseconds (median, 99th of 100)',
          },
        },
      },
      { mark: 'rule', encoding: { y: { field: 'lag ms', type: 'quantitative' }, y2: { field: 'p99 ms' } } },
    ],
  };
}
