import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { FAST_WORKER, hurry, queueNow } from '../support/fast-time.ts';
import { activationRows } from '../support/faults/activations.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { waitUntil } from '../support/wait.ts';

test('replicas whose clocks are an hour off and step while they run activate once a slot', async () => {
  await using database = await createDatabase();
  const { pool, url } = database;
  await hurry(pool);
  const env = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *' };
  await using fleet = openFleet({ url, env, executable: FAST_WORKER });
  const started = await queueNow(pool);
  const [ahead, behind] = await Promise.all([
    fleet.start('ahead', { clockOffsetMs: 3_600_000 }),
    fleet.start('behind', { clockOffsetMs: -3_600_000 }),
  ]);
  await Promise.all([fleet.ready(ahead), fleet.ready(behind)]);
  await ahead.stepClock(-600_000);
  await behind.stepClock(90_000);
  const stepped = await queueNow(pool);
  const scheduled = async () =>
    (await activationRows(pool, { timeoutSeconds: 14_400 })).filter(({ trigger }) => trigger === 'schedule');
  // The first one may be of the slot before the steps.
  await waitUntil('activations of three slots after the steps', async () => {
    return (
      (await scheduled()).filter(({ state, createdAt }) => state === 'completed' && createdAt > stepped).length >= 3
    );
  });
  const all = await scheduled();
  const slots = Math.floor((await queueNow(pool)) / 60_000) - Math.floor(started / 60_000) + 1;
  expect(all.length).toBeLessThanOrEqual(slots);
  expect(fleet.died).toEqual([]);
});
