/**
 * Whether anything is ever lost: many more entries than any other run has, some of which commit late, written while
 * readers follow the log through the library, and one more reads it up to now, as one would without a horizon.
 */
import { join } from 'node:path';
import { type NodeProcess, spawnNode } from '../test/support/processes.ts';
import type { Benchmark, Count, Row } from './harness/benchmark.ts';
import type { ReadReport } from './losses/readers.ts';
import { writeEntries } from './losses/writing.ts';

const ENTRIES = 10_000_000;
const TINY_ENTRIES = 2000;
const WRITERS = 4;
const READERS = [
  { name: 'sealog, first', reader: 'library' },
  { name: 'sealog, second', reader: 'library' },
  { name: 'bare keyset, up to now', reader: 'bare' },
];
const PROGRESS_MS = 10_000;

export const benchmark: Benchmark = {
  name: 'losses',
  question: 'Is anything lost among ten million entries, some of which commit late?',
  async run({ tiny, largest, server, progress }) {
    const given = Number.isFinite(largest) ? largest : tiny ? TINY_ENTRIES : ENTRIES;
    const writing = { entries: given, writers: WRITERS, lateOneIn: given < 100_000 ? 100 : 2000 };
    await using database = await server.createDatabase();
    await using stack = new AsyncDisposableStack();
    const readers: readonly Running[] = await Promise.all(
      READERS.map(async ({ name, reader }) => {
        const child = stack.use(await spawnNode([join(import.meta.dirname, 'losses/read.ts'), reader, database.url]));
        await child.waitForLine(isReport);
        return { name, child, exact: reader === 'library', report: () => reportOf(child.lines().findLast(isReport)!) };
      }),
    );
    // A reader that fails ends the run at once, and not after its last entry.
    const allEnded = Promise.all(readers.map(untilEnded));
    let told = 0;
    const write = writeEntries(database.url, writing, (written) => {
      if (performance.now() - told < PROGRESS_MS) return;
      told = performance.now();
      const behind = readers.map(({ report }) => report().seen.toLocaleString('en'));
      progress(`${written.toLocaleString('en')} of ${given.toLocaleString('en')} written; read: ${behind.join('; ')}`);
    });
    await Promise.race([write, allEnded]);
    const { seconds, late } = await write;
    progress('all written; reading to the end');
    for (const { child } of readers) child.kill('SIGTERM');
    await allEnded;
    const { rows } = await database.pool.query<{ completed: number }>(
      'select count(*)::integer as completed from sealog.audit_log where time_completed is not null',
    );
    const { completed } = rows[0]!;
    const read = readers.map(({ name, exact, report }) => ({ name, exact, ...report() }));
    const table = read.map(({ name, seen, pages, caughtUp }) => ({
      reader: name,
      seen,
      lost: completed - seen,
      'lost of a million': ((completed - seen) / completed) * 1e6,
      pages,
      'times at the end': caughtUp,
    }));
    return {
      tables: [
        {
          title: 'Written',
          rows: [{ entries: completed, late, seconds, 'entries/s': Math.round(completed / seconds) }],
        },
        { title: 'Read meanwhile', rows: table },
      ],
      aims: [],
      counts: [
        { what: 'entries completed', expected: given, counted: completed },
        ...read.filter(({ exact }) => exact).flatMap((reader) => countsOf(reader, completed)),
      ],
      plot: plotOf(table),
      notes: [
        `${WRITERS} writers in the server, twenty entries begun at once, each completed in a transaction of its own, synchronous_commit off; one in ${writing.lateOneIn.toLocaleString('en')} of these commits 20 to 200 ms late. Readers rest 50 ms when they have read all.`,
      ],
    };
  },
};

interface Running {
  readonly name: string;
  readonly child: NodeProcess;
  /** Whether it must see all. */
  readonly exact: boolean;
  /** What it has told last. */
  readonly report: () => ReadReport;
}

async function untilEnded({ name, child }: Running): Promise<void> {
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`the reader ${name} ended with ${code}: ${child.stderr}`);
}

const isReport = (line: string): boolean => line.startsWith('{');

function reportOf(line: string): ReadReport {
  const report: ReadReport = JSON.parse(line);
  return report;
}

function countsOf(
  { name, seen, outOfOrder, behindHorizon }: ReadReport & { readonly name: string },
  completed: number,
): readonly Count[] {
  return [
    { what: `${name}: entries seen`, expected: completed, counted: seen },
    { what: `${name}: entries out of order`, expected: 0, counted: outOfOrder },
    { what: `${name}: entries or horizons behind a horizon`, expected: 0, counted: behindHorizon },
  ];
}

function plotOf(rows: readonly Row[]) {
  return {
    title: 'Entries that a reader was never shown',
    width: 480,
    data: { values: rows },
    encoding: {
      y: { field: 'reader', type: 'nominal', title: null, sort: null },
      x: { field: 'lost', type: 'quantitative', title: 'entries' },
    },
    layer: [
      { mark: 'bar' },
      { mark: { type: 'text', align: 'left', dx: 4 }, encoding: { text: { field: 'lost', type: 'quantitative' } } },
    ],
  };
}
