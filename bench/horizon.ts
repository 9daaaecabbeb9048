/**
 * How far behind the present the completed past is final, by sealog's horizon and by what others do, with what each
 * loses. Writers and one reader are processes of their own; each phase begins with an empty table.
 */
import type { Aim, Benchmark, Row } from './harness/benchmark.ts';
import { type Audience, besideReaders } from './horizon/audience.ts';
import { compare } from './horizon/compare.ts';
import { LATENESS } from './horizon/lateness.ts';
import { FULL, type Load, TINY } from './horizon/load.ts';
import { plotOf } from './horizon/plot.ts';
import { TABLES } from './horizon/tables.ts';

export const benchmark: Benchmark = {
  name: 'horizon',
  question: 'How far behind the present is the past final, what is lost, and what do writers pay?',
  async run({ tiny, server, progress }) {
    const load = tiny ? TINY : FULL;
    await using database = await server.createDatabase();
    await database.pool.query(TABLES);
    const scene = { database, load, progress };
    const rows: Row[] = [];
    for (const writers of load.writers) rows.push(...(await compare(scene, { writers, late: false })));
    const late = await compare(scene, { writers: load.lateWriters, late: true });
    const audience = await besideReaders(scene);
    return {
      tables: [
        { title: 'Every completion commits at once', rows },
        { title: LATENESS, rows: late },
        {
          title: `${load.lateWriters} writers beside ${load.readers} readers, each five times a second`,
          rows: audience.rows,
        },
      ],
      aims: aimsOf(rows, audience),
      counts: [...countsOf(load, rows, 'at once'), ...countsOf(load, late, 'some late')],
      plot: plotOf(rows),
      notes: [
        `${load.rounds} rounds of ${load.seconds} s for each protocol and number of writers, in turn, after ${load.warmUpSeconds} s that are not measured but looked through for losses; the reader rests 5 ms after each page.`,
        'Lag: from the stamp of an entry to the statement that shows it. Lost: at or before what the reader has passed, and never shown.',
        'Every table has the same indexes and constraints and is completed by the same statement. "sealog" carries the rules of the audit log, all others one trigger that stamps: what they differ in from "sealog, without its rules" is the protocol alone.',
      ],
    };
  },
};

function countsOf({ protocols }: Load, rows: readonly Row[], when: string) {
  const exact = new Set<unknown>(protocols.filter((protocol) => protocol.exact).map(({ name }) => name));
  return rows
    .filter(({ protocol }) => exact.has(protocol))
    .flatMap(({ protocol, writers, lost, completed, seen }) => [
      { what: `${protocol}, ${writers} writers, ${when}: lost`, expected: 0, counted: Number(lost) },
      { what: `${protocol}, ${writers} writers, ${when}: seen`, expected: Number(completed), counted: Number(seen) },
    ]);
}

function aimsOf(rows: readonly Row[], { kept, keptBesideSealers }: Audience): readonly Aim[] {
  const ours = rows.filter(({ protocol }) => protocol === 'sealog');
  const lag = Math.max(...ours.map((row) => Number(row['lag ms'])));
  return [
    { aim: 'median lag under 20 ms at any number of writers', measured: lag, reached: lag < 20 },
    {
      aim: 'writers beside followers do 0.95 of what they do beside readers up to now',
      measured: kept,
      reached: kept >= 0.95,
    },
    {
      aim: 'the same beside readers that seal each time',
      measured: keptBesideSealers,
      reached: keptBesideSealers >= 0.95,
    },
  ];
}
