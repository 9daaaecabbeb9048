import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { connected } from '../support/connection.ts';
import { createDatabase } from '../support/database.ts';
import { FAST_TIMINGS } from '../support/fast-time.ts';
import { startReplica } from '../support/replica.ts';

/** Of the pool of a replica of the tests. */
const POOL_MAX = 4;

test('while somebody holds the table of the queue, a replica keeps no more connections than its pool has', async () => {
  await using database = await createDatabase();
  await using replica = await startReplica(database.url, {}, { ...FAST_TIMINGS, answerMs: 1000 });
  await replica.startup();
  const sessions = async (condition: string) => {
    const { rows } = await database.pool.query<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
        where datname = current_database() and application_name = 'replica' and ${condition}`,
    );
    return rows[0]!.count;
  };
  await using hold = await connected(database.url);
  await hold.query('begin; lock table pgboss.job in access exclusive mode');
  const seen: number[] = [];
  // Ten times as long as an answer may take.
  for (let tenth = 0; tenth < 100; tenth++) {
    await delay(100);
    seen.push(await sessions(`wait_event_type = 'Lock'`));
  }
  expect(Math.max(...seen)).toBeGreaterThan(0);
  expect(Math.max(...seen)).toBeLessThanOrEqual(POOL_MAX);
  // Beside them, those that cancel.
  expect(await sessions('true')).toBeLessThanOrEqual(2 * POOL_MAX);
  expect(() => replica.worker.checkWork()).toThrow('Query read timeout');

  await hold.query('rollback');
  expect(await replica.activate()).toMatchObject({ state: 'completed' });
});
