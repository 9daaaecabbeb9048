import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Report } from '../../bench/harness/benchmark.ts';
import { spawnNode } from '../support/processes.ts';

const BENCH = join(import.meta.dirname, '../../bench');
const names = readdirSync(BENCH)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

// How fast anything is depends on who else uses this machine: only what must hold on any is looked at.
test.concurrent.each(names)('the benchmark %s runs in its tiny form, and its counts are right', async (name) => {
  const results = await mkdtemp(join(tmpdir(), 'sealog-bench-results-'));
  await using bench = await spawnNode([join(BENCH, 'harness/run.ts'), name, '--tiny', '--results', results], {
    env: { DATABASE_URL: process.env['SEALOG_TEST_CLUSTER_URL'] },
  });
  const exit = await bench.exited;
  expect({ ...exit, stderr: bench.stderr }).toMatchObject({ code: 0 });

  const result: Report = JSON.parse(await readFile(join(results, `${name}.json`), 'utf8'));
  await rm(results, { recursive: true });
  expect(result.tables.flatMap(({ rows }) => rows)).not.toEqual([]);
  expect(result.counts).not.toEqual([]);
  for (const { expected, counted } of result.counts) expect(counted).toBe(expected);
  // Each aim is told with what was measured, reached or not.
  for (const { measured } of result.aims) expect(measured).toEqual(expect.any(Number));
});
