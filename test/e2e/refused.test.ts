import { expect, test } from '@jest/globals';
import { FAST_WORKER } from '../support/fast-time.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { createRoleLogins } from '../support/role-logins.ts';

test('a replica that may log in no more ends with 1 and says why', async () => {
  await using logins = await createRoleLogins();
  const { pool } = logins.database;
  const role = new URL(logins.worker).username;
  const env = { SEALOG_QUEUE_MIGRATE: 'false' };
  await using fleet = openFleet({ url: logins.worker, env, executable: FAST_WORKER });
  const replica = await fleet.ready(await fleet.start('one'));
  await pool.query(`alter role "${role}" nologin`);
  await pool.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [role]);
  const line = await replica.process.waitForEvent('worker.refused');
  expect(line).toMatchObject({ level: 50, by: 'one', err: { code: '28000' } });
  expect(await replica.process.exited).toEqual({ code: 1, signal: null });
  expect(replica.process.stderr).toContain('is not permitted to log in');
  expect(replica.process.lines().some((one) => one.includes('worker.stopped'))).toBe(true);
});
