import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { checkTinyForm } from '../support/tiny-benchmark.ts';

const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
  readFileSync(new URL('../../bench/package.json', import.meta.url), 'utf8'),
);

test('what is compared with is pinned: a figure is of one version', () => {
  for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});

// Each benchmark with a peer of its own, and one of each kind of plot: lines, bars, points, boxes, facets, side by side.
const PEERS = ['idle', 'slots'];
const PLOTS = ['round-trip', 'write-path', 'horizon', 'losses', 'start-up'];

test.concurrent.each([...PEERS, ...PLOTS])('the benchmark %s runs with its peers, and draws its plot', async (name) => {
  const { result, svg } = await checkTinyForm(name);
  expect(svg).toMatch(/^<svg [^]*<\/svg>\s*$/);
  expect(svg).toContain(`PostgreSQL ${result.versions['postgresql']}`);
  if (!PEERS.includes(name)) return;
  const { bullmq, 'graphile-worker': graphile } = dependencies;
  expect(result.versions).toMatchObject({ bullmq, 'graphile-worker': graphile });
});
