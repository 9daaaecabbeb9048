/**
 * Entries written per second, begun and completed through the library, against two statements written by hand on the
 * same table without triggers, and against one insert after the operation, which loses what crashes.
 */
import type { Benchmark, Row } from './harness/benchmark.ts';
import { inTurn, ratios, spread } from './harness/measure.ts';
import { makeBareTables, openWriters, type Write } from './writing/contestants.ts';

const CONNECTIONS = [1, 2, 4, 8, 16, 32];
const BASE = 'bare pair';

export const benchmark: Benchmark = {
  name: 'write-path',
  question: 'What does it cost to begin and to complete an entry, beside a bare insert and update?',
  async run({ tiny, server, progress }) {
    await using database = await server.createDatabase();
    await makeBareTables(database.pool);
    const [rounds, milliseconds] = tiny ? [1, 100] : [5, 1000];
    const rows: Row[] = [];
    const written: Record<string, number> = {};
    for (const durable of [true, false]) {
      for (const connections of tiny ? [1, 4] : CONNECTIONS) {
        progress(`${connections} connections, synchronous_commit=${durable ? 'on' : 'off'}`);
        await using writers = openWriters(database.url, { connections, durable });
        const contestants = Object.entries(writers.contestants).map(
          ([name, write]) =>
            [
              name,
              async () => {
                const { entries, seconds } = await writeFor(write, { connections, milliseconds });
                written[name] = (written[name] ?? 0) + entries;
                return entries / seconds;
              },
            ] as const,
        );
        const samples = await inTurn(Object.fromEntries(contestants), { rounds });
        for (const [contestant, rates] of Object.entries(samples)) {
          const rate = spread(rates);
          const base = contestant.endsWith(', prepared') ? `${BASE}, prepared` : BASE;
          const ratio = spread(ratios(rates, samples[BASE]!));
          rows.push({
            commits: durable ? 'durable' : 'off',
            connections,
            contestant,
            'entries/s': Math.round(rate.median),
            'of bare pair': ratio.median,
            'of bare, q1': ratio.q1,
            'of bare, q3': ratio.q3,
            'of bare, prepared alike': spread(ratios(rates, samples[base]!)).median,
          });
        }
        await database.pool.query('checkpoint');
      }
    }
    const { rows: kept } = await database.pool.query<{ sealog: number; bare: number; after: number; open: number }>(
      `select (select count(*)::integer from sealog.audit_log) as sealog, (select count(*)::integer from bare) as bare,
              (select count(*)::integer from after) as after,
              (select count(*)::integer from sealog.audit_log where time_completed is null) as open`,
    );
    return {
      tables: [{ title: 'Entries written', rows }],
      aims: ['sealog', 'sealog, prepared'].flatMap((contestant) => [
        aimOf(rows, contestant, 'durable', 0.9),
        aimOf(rows, contestant, 'off', 0.75),
      ]),
      counts: [
        {
          what: 'entries of sealog',
          expected: written['sealog']! + written['sealog, prepared']!,
          counted: kept[0]!.sealog,
        },
        { what: 'bare entries', expected: written[BASE]! + written[`${BASE}, prepared`]!, counted: kept[0]!.bare },
        { what: 'inserts after the fact', expected: written['one insert, after the fact']!, counted: kept[0]!.after },
        { what: 'entries left incomplete', expected: 0, counted: kept[0]!.open },
      ],
      plot: plotOf(rows),
      notes: [`${rounds} rounds of ${milliseconds} ms each, client and server on the same cores.`],
    };
  },
};

async function writeFor(
  write: Write,
  { connections, milliseconds }: { readonly connections: number; readonly milliseconds: number },
): Promise<{ readonly entries: number; readonly seconds: number }> {
  const started = performance.now();
  const end = started + milliseconds;
  let entries = 0;
  const writeOn = async (): Promise<void> => {
    while (performance.now() < end) {
      await write();
      entries++;
    }
  };
  await Promise.all(Array.from({ length: connections }, writeOn));
  return { entries, seconds: (performance.now() - started) / 1000 };
}

/** The worst number of connections decides. */
function aimOf(rows: readonly Row[], contestant: string, commits: string, atLeast: number) {
  const measured = Math.min(
    ...rows
      .filter((row) => row['commits'] === commits && row['contestant'] === contestant)
      .map((row) => Number(row['of bare pair'])),
  );
  return {
    aim: `${contestant}: at least ${atLeast} of the bare pair, commits ${commits}, at any number of connections`,
    measured,
    reached: measured >= atLeast,
  };
}

function plotOf(rows: readonly Row[]) {
  return {
    title: 'Entries written per second',
    data: { values: rows },
    facet: { column: { field: 'commits', type: 'nominal' } },
    spec: {
      width: 260,
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'connections', type: 'quantitative', scale: { type: 'log', base: 2 } },
        y: { field: 'entries/s', type: 'quantitative' },
        color: { field: 'contestant', type: 'nominal', title: null },
      },
    },
  };
}
