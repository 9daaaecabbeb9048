/**
 * Reading: one page of a hundred at three places of logs of growing size, and an export of a whole log. The bare ones
 * neither find the horizon nor turn rows into entries; they show what the statements cost alone.
 */
import { join } from 'node:path';
import { spawnNode } from '../test/support/processes.ts';
import { addCompletedEntries } from './entries/completed.ts';
import type { Aim, Benchmark, Row } from './harness/benchmark.ts';
import { inTurn, median, ratios, spread, timed } from './harness/measure.ts';
import { sizesUpTo } from './harness/sizes.ts';
import { openPages, PAGE, PLACES } from './reading/pages.ts';

const SIZES = [10_000, 100_000, 1_000_000, 5_000_000, 20_000_000];
const EXPORTED: ReadonlySet<number> = new Set([100_000, 1_000_000]);
const EXPORTS = ['bare cursor', 'sealog', 'copy'];

export const benchmark: Benchmark = {
  name: 'reading',
  question: 'What do a page and an export cost, beside bare statements, and do they grow with the log?',
  async run({ tiny, largest, server, progress }) {
    await using database = await server.createDatabase();
    const sizes = sizesUpTo(largest, tiny ? [1000, 2000] : SIZES);
    const pages: Row[] = [];
    const exported: Row[] = [];
    let filled = 0;
    let short = 0;
    let missing = 0;
    for (const size of sizes) {
      await addCompletedEntries(database.url, { from: filled, to: size, progress });
      filled = size;
      for (const place of PLACES) {
        progress(`pages at the ${place} of ${size.toLocaleString('en')}`);
        await using open = await openPages(database.url, { size, place });
        const read = Object.entries(open.contestants).map(
          ([name, page]) => [name, () => timed(async () => (short += (await page()) === PAGE ? 0 : 1))] as const,
        );
        const { offset, ...keyed } = Object.fromEntries(read);
        const samples = {
          ...(await inTurn(keyed, { rounds: tiny ? 3 : 300, warmUp: tiny ? 1 : 1000 })),
          // Seconds a page in a large log.
          ...(offset && (await inTurn({ offset }, { rounds: tiny || size > 1_000_000 ? 2 : 10 }))),
        };
        pages.push(...rowsOf(samples, { size, place }));
      }
      if (!EXPORTED.has(size) && !tiny) continue;
      progress(`exports of ${size.toLocaleString('en')}`);
      const memory: Record<string, number[]> = {};
      const rates = await inTurn(
        Object.fromEntries(
          EXPORTS.map((name) => [
            name,
            async () => {
              const { entries, seconds, peakMiB } = await exportAll(name, database.url);
              if (entries !== size) missing++;
              (memory[name] ??= []).push(peakMiB);
              return entries / seconds;
            },
          ]),
        ),
        { rounds: tiny ? 1 : 5, warmUp: tiny ? 0 : 1 },
      );
      for (const [contestant, all] of Object.entries(rates)) {
        exported.push({
          entries: size,
          contestant,
          'entries/s': Math.round(median(all)),
          'of bare cursor': spread(ratios(all, rates['bare cursor']!)).median,
          'peak MiB above the start': Math.round(Math.max(...memory[contestant]!)),
        });
      }
    }
    return {
      tables: [
        { title: `A page of ${PAGE}`, rows: pages },
        { title: 'An export', rows: exported },
      ],
      aims: aimsOf(pages, exported),
      counts: [
        { what: 'pages with fewer entries than asked for', expected: 0, counted: short },
        { what: 'exports that missed an entry', expected: 0, counted: missing },
      ],
      plot: plotOf(pages),
    };
  },
};

async function exportAll(
  contestant: string,
  url: string,
): Promise<{ readonly entries: number; readonly seconds: number; readonly peakMiB: number }> {
  await using child = await spawnNode([join(import.meta.dirname, 'reading/export.ts'), contestant, url]);
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`export by ${contestant} ended with ${code}: ${child.stderr}`);
  return JSON.parse(child.stdout) as { entries: number; seconds: number; peakMiB: number };
}

function rowsOf(samples: Readonly<Record<string, readonly number[]>>, at: { size: number; place: string }): Row[] {
  const base = samples['bare keyset']!;
  return Object.entries(samples).map(([contestant, milliseconds]) => {
    const time = spread(milliseconds);
    // OFFSET is not measured in the same rounds.
    const alone = contestant === 'offset';
    const ratio = spread(alone ? milliseconds.map((each) => each / median(base)) : ratios(milliseconds, base));
    return {
      'completed entries': at.size,
      place: at.place,
      contestant,
      'median ms': time.median,
      'q1 ms': time.q1,
      'q3 ms': time.q3,
      'of bare': ratio.median,
      'of bare, q1': ratio.q1,
      'of bare, q3': ratio.q3,
    };
  });
}

function aimsOf(pages: readonly Row[], exported: readonly Row[]): readonly Aim[] {
  const all = pages.filter(({ contestant }) => contestant === 'sealog');
  const newest = Math.max(...all.filter(({ place }) => place === 'newest').map((row) => Number(row['of bare'])));
  const ours = all.filter(({ place }) => place !== 'newest');
  const worst = Math.max(...ours.map((row) => Number(row['of bare'])));
  const grown = [...Map.groupBy(ours, ({ place }) => place).values()].map(
    (sizes) => Number(sizes.at(-1)!['median ms']) / Number(sizes[0]!['median ms']),
  );
  const growth = Math.max(...grown);
  const exports = exported.filter(({ contestant }) => contestant === 'sealog');
  const rate = Math.min(...exports.map((row) => Number(row['of bare cursor'])));
  return [
    { aim: 'a page at most 1.2 of the bare keyset query, anywhere', measured: worst, reached: worst <= 1.2 },
    { aim: 'the newest page, which seals, at most 1.2 of it', measured: newest, reached: newest <= 1.2 },
    { aim: 'flat: in the largest log at most 1.3 of the smallest', measured: growth, reached: growth <= 1.3 },
    { aim: 'an export at least 0.5 of a bare cursor', measured: rate, reached: rate >= 0.5 },
  ];
}

function plotOf(rows: readonly Row[]) {
  return {
    title: 'A page of a hundred entries',
    data: { values: rows },
    facet: { column: { field: 'place', type: 'nominal', sort: [...PLACES] } },
    spec: {
      width: 200,
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'completed entries', type: 'quantitative', scale: { type: 'log' } },
        y: { field: 'median ms', type: 'quantitative', scale: { type: 'log' }, title: 'milliseconds' },
        color: { field: 'contestant', type: 'nominal', title: null },
      },
    },
  };
}
