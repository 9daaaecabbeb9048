import { readdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Result } from '../../bench/harness/output.ts';
import { spawnNode } from './processes.ts';

const BENCH = join(import.meta.dirname, '../../bench');

/** All there are. */
export const benchmarks: readonly string[] = readdirSync(BENCH)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

export interface TinyRun {
  readonly result: Result;
  /** The plot, where the packages that draw are installed. */
  readonly svg: string | undefined;
}

/**
 * Runs a benchmark in its tiny form. How fast anything is depends on who else uses this machine: only what must hold on
 * any is looked at, that is its counts.
 */
export async function checkTinyForm(name: string): Promise<TinyRun> {
  const folder = await mkdtemp(join(tmpdir(), 'sealog-bench-results-'));
  await using bench = await spawnNode([join(BENCH, 'harness/run.ts'), name, '--tiny', '--results', folder], {
    env: { DATABASE_URL: process.env['SEALOG_TEST_CLUSTER_URL'] },
  });
  const exit = await bench.exited;
  expect({ ...exit, stderr: bench.stderr }).toMatchObject({ code: 0 });

  const result: Result = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8'));
  const plot = (await readdir(folder)).find((file) => file === `${name}.svg`);
  const svg = plot && (await readFile(join(folder, plot), 'utf8'));
  await rm(folder, { recursive: true });
  expect(result.tables.flatMap(({ rows }) => rows)).not.toEqual([]);
  expect(result.counts).not.toEqual([]);
  for (const { what, expected, counted } of result.counts)
    expect({ what, counted }).toEqual({ what, counted: expected });
  // Each aim is told with what was measured, reached or not.
  for (const { measured } of result.aims) expect(measured).toEqual(expect.any(Number));
  return { result, svg };
}
