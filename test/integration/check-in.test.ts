import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { startReplica } from '../support/replica.ts';

test('a replica that cannot check in says so, does its work all the same, and says that it could not check out', async () => {
  await using database = await createDatabase();
  await database.pool.query('alter table sealog.replica rename to gone');
  const replica = await startReplica(database.url);
  const told = () => replica.logger.withEvent('check-in.error');
  const refused = { level: 'error', err: { message: expect.stringContaining('replica') } };
  expect(told()[0]).toMatchObject({ ...refused, omitted: 0 });
  expect((await replica.startup()).state).toBe('completed');
  // Its readiness says so.
  expect(() => replica.worker.checkWork()).toThrow(/replica/);
  // Once a minute it says so again.
  const before = told().length;
  await replica[Symbol.asyncDispose]();
  expect(told().length).toBeGreaterThan(before);
  expect(told().at(-1)).toMatchObject({ ...refused, omitted: 0 });
  expect(replica.logger.withEvent('queue.error')).toEqual([]);
});
