import { expect, test } from '@jest/globals';
import { boundedQueue } from '../../src/integrations/bounded-queue.ts';

test('runs a few at a time, in order, and takes no more than fit', async () => {
  const queue = boundedQueue({ running: 2, waiting: 1 });
  const started: number[] = [];
  const ends = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const add = (task: number) =>
    queue.add(async () => {
      started.push(task);
      await ends[task]?.promise;
    });
  const tasks = [add(0), add(1), add(2)];
  expect(add(3)).toBeUndefined();
  expect(started).toEqual([0, 1]);
  ends[1]?.reject(new Error('failed'));
  await expect(tasks[1]).rejects.toThrow('failed');
  expect(started).toEqual([0, 1, 2]);
  // There is room for one again, and then for two that run.
  const last = add(3);
  ends.forEach(({ resolve }) => resolve());
  await Promise.all([tasks[0], tasks[2], last]);
  expect(started).toEqual([0, 1, 2, 3]);
});
