import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { rollSchedule } from '../support/faults/roll-schedule.ts';

test('a deploy that changes the schedule wins, and each replica with the old one is seen to drift until it is gone', async () => {
  await using database = await createDatabase();
  await using fleet = openFleet({ url: database.url });
  const env = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 * * * *' };
  for (const name of ['a-0', 'b-0']) await fleet.ready(await fleet.start(name, { env }));
  const { problems } = await rollSchedule(fleet, database.pool, { cron: '1 * * * *', generation: 1 });
  expect(problems).toEqual([]);
  expect(fleet.died).toEqual([]);
});
