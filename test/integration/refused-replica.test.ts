import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { refusalWatch } from '../../src/worker/refusal-watch.ts';
import { connected } from '../support/connection.ts';
import { createDatabase } from '../support/database.ts';

test('a process whose password is not valid any more is noticed, once, and not while anything else is wrong', async () => {
  await using database = await createDatabase();
  const role = `refused_${randomBytes(4).toString('hex')}`;
  await database.pool.query(`create role ${role} login password 'old'`);
  try {
    const url = new URL(database.url);
    url.username = role;
    url.password = 'old';
    const logIn = async () => {
      await using client = await connected(url.href);
      await client.query('select 1');
    };
    const refused: Error[] = [];
    const watch = refusalWatch((error) => refused.push(error), { refusedMs: 0 });
    await watch(logIn());
    await expect(watch(Promise.reject(new Error('connect ECONNREFUSED')))).rejects.toThrow('ECONNREFUSED');
    expect(refused).toEqual([]);
    await database.pool.query(`alter role ${role} nologin`);
    await expect(watch(logIn())).rejects.toMatchObject({ code: '28000' });
    await expect(watch(logIn())).rejects.toMatchObject({ code: '28000' });
    expect(refused).toMatchObject([{ code: '28000' }]);
  } finally {
    await database.pool.query(`drop role ${role}`);
  }
});

test('a refusal that is shorter than a minute is waited out', async () => {
  const refused: Error[] = [];
  const watch = refusalWatch((error) => refused.push(error));
  const refusal = Object.assign(new Error('no'), { code: '28P01', severity: 'FATAL' });
  await expect(watch(Promise.reject(refusal))).rejects.toBe(refusal);
  await expect(watch(Promise.reject(refusal))).rejects.toBe(refusal);
  expect(refused).toEqual([]);
});
