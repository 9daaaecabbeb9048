import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';

test('a start that fails half-way leaves no timer, handle or connection behind', async () => {
  await using database = await createDatabase();
  await using program = await spawnNode(['test/support/failed-start.ts', database.url]);
  expect(await program.waitForLine((line) => line.startsWith('rejected'))).toMatch(/, to be tried again$/);
  const bound = new AbortController();
  const exit = await Promise.race([program.exited, delay(15_000, 'still alive', { signal: bound.signal })]);
  bound.abort();
  expect(exit).toEqual({ code: 0, signal: null });
  const { rows } = await database.pool.query(
    `select count(*)::integer as connections from pg_stat_activity
      where datname = current_database() and application_name = 'failed start'`,
  );
  expect(rows).toEqual([{ connections: 0 }]);
});
