import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { checkEffects, checkLogLines } from '../support/faults/check-activations.ts';
import { DRAIN_TIMEOUT_SECONDS, drainBacklog } from '../support/faults/drain.ts';
import { FAST_WORKER, hurry } from '../support/fast-time.ts';
import { openFleet } from '../support/faults/fleet.ts';

test('a backlog drains without the schedule, and a replica that is killed in the middle loses and repeats nothing', async () => {
  await using database = await createDatabase();
  const { pool, url } = database;
  await hurry(pool);
  const env = {
    SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 0 1 1 *',
    SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '100',
  };
  await using fleet = openFleet({ url, env, executable: FAST_WORKER });
  await Promise.all(['one', 'two'].map(async (name) => await fleet.ready(await fleet.start(name))));
  const drain = await drainBacklog({ cluster: database, fleet }, { entries: 5000, kill: true });
  expect(drain.activations).toBe(50);
  expect(await checkEffects(pool, { timeoutSeconds: DRAIN_TIMEOUT_SECONDS })).toEqual([]);
  expect(await checkLogLines(pool, fleet.everyone)).toEqual([]);
  expect(fleet.died).toEqual([]);
});
