import { beforeEach, afterEach, expect, jest, test } from '@jest/globals';
import { errorBudget } from '../../src/worker/error-budget.ts';

let now = 1000;
beforeEach(() => {
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  jest.restoreAllMocks();
});

const refused = (worker: string) => ({
  message: `connect ECONNREFUSED 127.0.0.1:5432 (Worker: ${worker})`,
  code: 'ECONNREFUSED',
});

test('errors of a kind are reported once a minute, with the number of those between', () => {
  const reported: [unknown, number][] = [];
  const report = errorBudget((err, omitted) => reported.push([err, omitted]));
  const first = refused('01a20bab-8c83-701a-968e-c60bd645a368');
  report(first);
  for (let n = 0; n < 50; n++) report(refused('01a20bab-0000-701a-968e-c60bd645a368'));
  const other = new Error('deadlock detected');
  report(other);
  now += 59_999;
  report(refused('01a20bab-1111-701a-968e-c60bd645a368'));
  expect(reported).toEqual([
    [first, 0],
    [other, 0],
  ]);
  now += 1;
  report(first);
  report(undefined);
  expect(reported.slice(2)).toEqual([
    [first, 51],
    [undefined, 0],
  ]);
});
