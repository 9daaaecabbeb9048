import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertEntries } from '../support/entries.ts';
import { checkEffects, checkLogLines } from '../support/faults/check-activations.ts';
import { FAST_WORKER, hurry } from '../support/fast-time.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { killInActivation, RESCUE_SETTINGS, TIMEOUT_SECONDS } from '../support/faults/rescue.ts';
import { createRoleLogins, type RoleLogins, sealog } from '../support/role-logins.ts';

let logins: RoleLogins;
beforeAll(async () => void (logins = await createRoleLogins()));
afterAll(async () => await logins[Symbol.asyncDispose]());

test('a fleet that owns nothing activates, supervises and rescues, and complains of nothing', async () => {
  const { pool } = logins.database;
  await hurry(pool);
  const env = { ...RESCUE_SETTINGS, SEALOG_QUEUE_MIGRATE: 'false' };
  await using fleet = openFleet({ url: logins.worker, env, executable: FAST_WORKER });
  for (const name of ['one', 'two']) await fleet.ready(await fleet.start(name));

  const { rows } = await pool.query<{ now: Date }>('select pgboss.job_now() as now');
  const rescue = await killInActivation({ cluster: { url: logins.database.url, pool }, fleet }, 1000);
  expect(rescue).toMatchObject({ timedOut: 500 });
  expect(rescue.rescuer).not.toBe(rescue.victim);

  await insertEntries(pool, [{ startedMinutesAgo: 600, operationId: 'disk_create' }]);
  expect(JSON.parse(await sealog(logins.worker, 'activate'))).toMatchObject({ state: 'completed', trigger: 'manual' });
  expect(JSON.parse(await sealog(logins.worker, 'status', '--json'))).toMatchObject({
    job: 'audit-timeout',
    schedule: RESCUE_SETTINGS.SEALOG_AUDIT_TIMEOUT_SCHEDULE,
  });

  // The rescue took a whole pass of supervision.
  const passes = await pool.query(`select from pgboss.queue where name = 'audit-timeout' and monitor_on > $1`, [
    rows[0]!.now,
  ]);
  expect(passes.rowCount).toBe(1);
  expect(await checkEffects(pool, { timeoutSeconds: TIMEOUT_SECONDS })).toEqual([]);
  expect(await checkLogLines(pool, fleet.everyone)).toEqual([]);
  expect(fleet.died).toEqual([]);
  const said = fleet.everyone.flatMap((replica) => replica.process.lines());
  expect(said.filter((line) => /permission denied|must be owner|42501/.test(line))).toEqual([]);
});
