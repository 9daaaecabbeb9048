import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { FAST_WORKER, hurry } from '../support/fast-time.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { queueActivation, untilCompleted } from '../support/faults/queue-activation.ts';
import { insertStaleEntries } from '../support/faults/stale-entries.ts';
import { holdTable } from '../support/faults/table-hold.ts';
import { resultsOf } from '../support/entries.ts';
import { waitUntil } from '../support/wait.ts';

test('an activation outlasts a lock on the table, without waiting for the next slot', async () => {
  await using database = await createDatabase();
  await hurry(database.pool);
  const env = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 0 1 1 *' };
  await using fleet = openFleet({ url: database.url, env, executable: FAST_WORKER });
  const replica = await fleet.ready(await fleet.start('one'));
  await replica.process.waitForEvent('audit-timeout.activation');
  await insertStaleEntries(database.pool, 3);
  await using hold = await holdTable(database.url);
  const id = await queueActivation(database.pool);
  // As a careless ALTER TABLE does, for more than one attempt.
  const failures = () => replica.events('audit-timeout.activation').filter(({ err }) => err !== undefined);
  await waitUntil('three attempts have failed', () => failures().length >= 3);
  await hold.release();
  await untilCompleted(database.pool, id);
  expect((await resultsOf(database.pool)).map(({ result_kind }) => result_kind)).toEqual(Array(3).fill('timeout'));
  expect(failures()[0]).toMatchObject({ level: 50, err: { message: expect.stringContaining('lock timeout') } });
});
