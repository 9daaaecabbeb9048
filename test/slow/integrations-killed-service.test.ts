import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { runKilledService } from '../support/killed-service/run.ts';

test('a service under load, killed again and again, runs nothing that has no entry of its own', async () => {
  await using database = await createDatabase();
  const run = { requests: 900, requestsPerSecond: 100, kills: 3 };
  const figures = await runKilledService(database.url, database.pool, run);
  expect(figures.problems).toEqual([]);
  // The load was one, and the kills met it.
  expect(figures.handled).toBeGreaterThan(100);
  expect(figures.leftIncomplete).toBeGreaterThan(0);
});
