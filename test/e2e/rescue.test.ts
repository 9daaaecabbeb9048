import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { activationRows } from '../support/faults/activations.ts';
import { checkEffects, checkLogLines } from '../support/faults/check-activations.ts';
import { FAST_WORKER, hurry, SPEED } from '../support/fast-time.ts';
import { type Fleet, openFleet } from '../support/faults/fleet.ts';
import { killInActivation, pauseInActivation, RESCUE_SETTINGS, TIMEOUT_SECONDS } from '../support/faults/rescue.ts';

const STALE = 10_000;
let database: TestDatabase;
beforeEach(async () => {
  database = await createDatabase();
  await hurry(database.pool);
});
afterEach(async () => await database[Symbol.asyncDispose]());

async function startFleet(): Promise<Fleet> {
  const fleet = openFleet({ url: database.url, env: RESCUE_SETTINGS, executable: FAST_WORKER });
  await Promise.all(['one', 'two'].map(async (name) => await fleet.ready(await fleet.start(name))));
  return fleet;
}

async function checkHistory(fleet: Fleet): Promise<void> {
  expect(await checkEffects(database.pool, { timeoutSeconds: TIMEOUT_SECONDS })).toEqual([]);
  expect(await checkLogLines(database.pool, fleet.everyone)).toEqual([]);
  expect(fleet.died).toEqual([]);
}

describe('an activation with 10,000 stale entries before it', () => {
  test('is completed by another replica when its own is killed in the middle, again and again', async () => {
    await using fleet = await startFleet();
    for (let round = 0; round < 2; round++) {
      const rescue = await killInActivation({ cluster: database, fleet }, STALE);
      expect(rescue).toMatchObject({ timedOut: 500 });
      expect(rescue.rescuer).not.toBe(rescue.victim);
      await fleet.ready(await fleet.start(rescue.victim));
    }
    await checkHistory(fleet);
  });

  test('takes effect once when its replica is paused past the heartbeat and goes on when another has done it', async () => {
    await using fleet = await startFleet();
    const rescue = await pauseInActivation({ cluster: database, fleet }, STALE);
    expect(rescue).toMatchObject({ timedOut: 500 });
    expect(rescue.rescuer).not.toBe(rescue.victim);
    await checkHistory(fleet);
  });

  test('leaves nothing behind that the paused replica has locked: the one that takes over finds it unlocked', async () => {
    await using fleet = await startFleet();
    // Just before a heartbeat, so that the others see it lost soon.
    const rescue = await pauseInActivation({ cluster: database, fleet }, 20, 4000 / SPEED);
    expect(rescue).toMatchObject({ timedOut: 20 });
    const rows = await activationRows(database.pool, { timeoutSeconds: TIMEOUT_SECONDS });
    expect(rows.filter(({ timedOut }) => timedOut > 0)).toHaveLength(1);
    await checkHistory(fleet);
  });
});
