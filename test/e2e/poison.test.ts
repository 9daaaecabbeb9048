import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { activationRows } from '../support/faults/activations.ts';
import { checkEffects } from '../support/faults/check-activations.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { queueActivation, untilCompleted } from '../support/faults/queue-activation.ts';
import { insertStaleEntries } from '../support/faults/stale-entries.ts';

const options = { timeoutSeconds: 14_400 };

test('one entry among 500 that the database refuses is reported by every activation, and stops none', async () => {
  await using database = await createDatabase();
  const { pool, url } = database;
  await insertStaleEntries(pool, 500);
  // The oldest, which every activation meets first.
  const { rows } = await pool.query<{ id: string }>('select id from sealog.audit_log order by time_started limit 1');
  const poisoned = rows[0]!.id;
  await pool.query(`
    create function refuse() returns trigger language plpgsql as $$
    begin
      if new.id = '${poisoned}' then raise check_violation using message = 'poisoned'; end if;
      return new;
    end $$;
    create trigger refuse before update on sealog.audit_log for each row execute function refuse()`);

  await using fleet = openFleet({ url });
  const replica = await fleet.ready(await fleet.start('one'));
  const line = await replica.process.waitForEvent('audit-timeout.activation');
  const skipped = [{ id: poisoned, reason: 'poisoned' }];
  expect(line).toMatchObject({ level: 40, trigger: 'startup', timedOut: 499, limitReached: false, skipped });

  for (let later = 0; later < 3; later++) {
    await insertStaleEntries(pool, 10);
    await untilCompleted(pool, await queueActivation(pool));
  }
  const activations = await activationRows(pool, options);
  expect(activations.map(({ state, timedOut }) => ({ state, timedOut }))).toEqual(
    [499, 10, 10, 10].map((timedOut) => ({ state: 'completed', timedOut })),
  );
  expect(activations.map((activation) => activation.skipped)).toEqual([skipped, skipped, skipped, skipped]);
  expect(await checkEffects(pool, options)).toEqual([]);
  expect(replica.events('audit-timeout.activation').every(({ level }) => level === 40)).toBe(true);
  expect(fleet.died).toEqual([]);
});
