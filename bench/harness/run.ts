/**
 * Runs benchmarks: `npm run bench [-- <name> …] [--tiny] [--largest <entries>] [--results <folder>]`. Without names, all.
 * DATABASE_URL names a server to use; without it an embedded one is started, with durable commits. Tables go to stdout,
 * progress to stderr. Exits with 1 when a count is wrong; an aim that is missed is a finding, and not a failure.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Benchmark, BenchContext } from './benchmark.ts';
import { loadPackage } from './load-package.ts';
import { describeMachine, describeVersions, loadAverage } from './machine.ts';
import { formatReport } from './format-report.ts';
import { type Result, writeResults } from './output.ts';
import { progressLine } from './progress.ts';
import { startServer } from './server.ts';

const BENCH = join(import.meta.dirname, '..');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tiny: { type: 'boolean', default: false },
    largest: { type: 'string' },
    results: { type: 'string' },
  },
});
const { tiny } = values;
const largest = values.largest === undefined ? Infinity : Number(values.largest);
if (values.largest !== undefined && !(Number.isInteger(largest) && largest >= 1)) {
  console.error(`largest: expected a number of entries, got ${JSON.stringify(values.largest)}`);
  process.exit(2);
}
const folder = values.results ?? join(BENCH, tiny ? 'results/tiny' : 'results');

const files = await readdir(BENCH);
const known = files.filter((file) => file.endsWith('.ts')).map((file) => basename(file, '.ts'));
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`benchmark: expected one of ${known.join(', ')}, got ${JSON.stringify(unknown[0])}`);
  process.exit(2);
}
if (!(await loadPackage('vega'))) {
  console.error('No plots, and no peers to compare with: `npm install --prefix bench` brings them.');
}

await using server = await startServer(process.env['DATABASE_URL']);
for (const name of positionals.length > 0 ? positionals : known) {
  const { benchmark }: { benchmark: Benchmark } = await import(`../${name}.ts`);
  const started = { date: new Date().toISOString(), load: loadAverage() };
  using progress = progressLine(name);
  const context: BenchContext = { tiny, largest, server, progress: progress.say };
  const report = await benchmark.run(context);
  const { plot, ...told } = report;
  const result: Result = {
    name,
    question: benchmark.question,
    tiny,
    date: started.date,
    seconds: Math.round((Date.now() - Date.parse(started.date)) / 1000),
    machine: { ...describeMachine(), loadAverage: { before: started.load, after: loadAverage() } },
    versions: {
      postgresql: server.version,
      ...describeVersions(['pg', 'pg-boss', 'kysely', ...(benchmark.peers ?? [])]),
    },
    settings: server.settings,
    ...told,
  };
  progress.end();
  console.log(`\n${name}: ${benchmark.question}\n\n${formatReport(report)}\n`);
  for (const file of await writeResults(folder, result, plot)) console.error(file);
  if (report.counts.some(({ expected, counted }) => expected !== counted)) process.exitCode = 1;
}
