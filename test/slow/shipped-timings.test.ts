/** What the fleet does at the timings that are shipped: other tests of rescues and slots run it faster. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { activationRows, databaseNow } from '../support/faults/activations.ts';
import { checkEffects, checkLogLines, checkSlots } from '../support/faults/check-activations.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { killInActivation, RESCUE_SETTINGS, TIMEOUT_SECONDS } from '../support/faults/rescue.ts';
import { waitUntil } from '../support/wait.ts';

const options = { timeoutSeconds: TIMEOUT_SECONDS };
let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

test('an activation is completed by another replica within 30 s when its own is killed in the middle', async () => {
  await using fleet = openFleet({ url: database.url, env: RESCUE_SETTINGS });
  await Promise.all(['one', 'two'].map(async (name) => await fleet.ready(await fleet.start(name))));
  const rescue = await killInActivation({ cluster: database, fleet }, 10_000);
  expect(rescue).toMatchObject({ timedOut: 500 });
  expect(rescue.rescuer).not.toBe(rescue.victim);
  expect(rescue.ms).toBeLessThan(30_000);
  expect(await checkEffects(database.pool, options)).toEqual([]);
  expect(await checkLogLines(database.pool, fleet.everyone)).toEqual([]);
  expect(fleet.died).toEqual([]);
});

test('three replicas activate once a slot, and say which of them it was', async () => {
  const names = ['replica-1', 'replica-2', 'replica-3'];
  const env = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *' };
  await using fleet = openFleet({ url: database.url, env });
  await Promise.all(names.map(async (name) => await fleet.ready(await fleet.start(name))));
  const from = await databaseNow(database.pool);
  const scheduled = async () =>
    (await activationRows(database.pool, options)).filter(
      ({ trigger, state, beganAt }) => trigger === 'schedule' && state === 'completed' && beganAt! > from,
    );
  await waitUntil('activations of two slots', async () => (await scheduled()).length >= 2, 180_000);
  for (const { by } of await scheduled()) expect(names).toContain(by);
  const to = await databaseNow(database.pool);
  const { problems } = await checkSlots(database.pool, { ...options, from, to });
  expect(problems).toEqual([]);
  expect(fleet.died).toEqual([]);
}, 240_000);
