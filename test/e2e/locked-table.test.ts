import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { queueActivation, untilCompleted } from '../support/faults/queue-activation.ts';
import { insertStaleEntries } from '../support/faults/stale-entries.ts';
import { holdTable } from '../support/faults/table-hold.ts';
import { resultsOf } from '../support/entries.ts';

test('an activation outlasts a lock on the table, without waiting for the next slot', async () => {
  await using database = await createDatabase();
  await using fleet = openFleet({ url: database.url, env: { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 0 1 1 *' } });
  const replica = await fleet.ready(await fleet.start('one'));
  await replica.process.waitForEvent('audit-timeout.activation');
  await insertStaleEntries(database.pool, 3);
  await using hold = await holdTable(database.url);
  const id = await queueActivation(database.pool);
  // As a careless ALTER TABLE does.
  await delay(40_000);
  await hold.release();
  await untilCompleted(database.pool, id, 45_000);
  expect((await resultsOf(database.pool)).map(({ result_kind }) => result_kind)).toEqual(Array(3).fill('timeout'));
  const failed = replica.events('audit-timeout.activation').filter(({ err }) => err !== undefined);
  expect(failed.length).toBeLessThanOrEqual(6);
  expect(failed[0]).toMatchObject({ level: 50, err: { message: expect.stringContaining('lock timeout') } });
}, 120_000);
