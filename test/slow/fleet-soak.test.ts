import { expect, test } from '@jest/globals';
import { soakFleet } from '../support/faults/fleet-soak.ts';
import { withHistory } from '../support/faults/history.ts';
import { chooseSeed, seededRandom } from '../support/stable-past/random.ts';

// The short form of `npm run soak`.
test('a fleet under random faults keeps its promises', async () => {
  const seed = chooseSeed();
  const { problems } = await withHistory('fleet-soak', seed, async (history) => {
    const figures = await soakFleet({ minutes: 1, seed, random: seededRandom(seed), history });
    history.record('figures', figures);
    if (figures.problems.length > 0) throw new Error(figures.problems.slice(0, 20).join('\n'));
    return figures;
  });
  expect(problems).toEqual([]);
}, 300_000);
