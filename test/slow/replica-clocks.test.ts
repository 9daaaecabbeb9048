import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { activationRows, databaseNow } from '../support/faults/activations.ts';
import { checkSlots } from '../support/faults/check-activations.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { waitUntil } from '../support/wait.ts';

const options = { timeoutSeconds: 14_400 };

test('replicas whose clocks are an hour off and step while they run activate once a slot, at the right minute', async () => {
  await using database = await createDatabase();
  const { pool, url } = database;
  await using fleet = openFleet({ url, env: { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *' } });
  const ahead = await fleet.ready(await fleet.start('ahead', { clockOffsetMs: 3_600_000 }));
  const behind = await fleet.ready(await fleet.start('behind', { clockOffsetMs: -3_600_000 }));
  const from = await databaseNow(pool);
  await ahead.stepClock(-600_000);
  await behind.stepClock(90_000);
  await waitUntil(
    'the activation of a whole slot after the steps',
    async () => {
      const rows = await activationRows(pool, options);
      // The first one may be of the slot before the steps.
      return rows.some(({ trigger, beganAt }) => trigger === 'schedule' && beganAt !== null && slotOf(beganAt) > from);
    },
    120_000,
  );
  const to = (await databaseNow(pool)) + 30_000;
  const { problems, slots } = await checkSlots(pool, { ...options, from, to, withinMs: 30_000 });
  expect(problems).toEqual([]);
  expect(slots).toBeGreaterThanOrEqual(1);
  expect(fleet.died).toEqual([]);
}, 180_000);

function slotOf(instant: number): number {
  return Math.floor(instant / 60_000) * 60_000;
}
