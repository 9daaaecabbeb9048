import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { startReplica } from '../support/replica.ts';

test('a replica that cannot check in says so, does its work all the same, and says that it could not check out', async () => {
  await using database = await createDatabase();
  await database.pool.query('alter table sealog.replica rename to gone');
  const replica = await startReplica(database.url);
  const told = () => replica.logger.withEvent('check-in.error');
  expect(told()).toMatchObject([{ level: 'error', omitted: 0, err: { message: expect.stringContaining('replica') } }]);
  expect((await replica.startup()).state).toBe('completed');
  // Its readiness says so.
  expect(() => replica.worker.checkWork()).toThrow(/replica/);
  await replica[Symbol.asyncDispose]();
  expect(told()).toHaveLength(2);
  expect(replica.logger.withEvent('queue.error')).toEqual([]);
});
