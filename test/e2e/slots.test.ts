import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { FAST_WORKER, hurry, queueNow } from '../support/fast-time.ts';
import { activationRows } from '../support/faults/activations.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { untilIdle } from '../support/faults/queue-activation.ts';
import { waitUntil } from '../support/wait.ts';

const EVERY_MINUTE = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *' };
let database: TestDatabase;
beforeEach(async () => {
  database = await createDatabase();
  await hurry(database.pool);
});
afterEach(async () => await database[Symbol.asyncDispose]());

async function scheduled() {
  const rows = await activationRows(database.pool, { timeoutSeconds: 14_400 });
  return rows.filter(({ trigger }) => trigger === 'schedule');
}

describe('a slot is not lost', () => {
  test('by a replica that is killed while it forwards it', async () => {
    await using fleet = openFleet({ url: database.url, env: EVERY_MINUTE, executable: FAST_WORKER });
    await Promise.all(['one', 'two'].map(async (name) => await fleet.ready(await fleet.start(name))));
    await untilIdle(database.pool);
    await database.pool.query(`
      create function hold() returns trigger language plpgsql as 'begin perform pg_sleep(300); return new; end';
      create trigger hold before insert on pgboss.job for each row
        when (new.name = 'audit-timeout' and new.data->>'trigger' = 'schedule') execute function hold()`);
    let holder: { pid: number; replica: string } | undefined;
    await waitUntil('a replica forwards a slot', async () => {
      const { rows } = await database.pool.query<{ pid: number; replica: string }>(
        `select pid, substr(application_name, 8) as replica from pg_stat_activity
            where wait_event = 'PgSleep' and datname = current_database()`,
      );
      holder = rows[0];
      return holder !== undefined;
    });
    await fleet.kill(fleet.replicas.find(({ name }) => name === holder!.replica)!);
    await database.pool.query('select pg_terminate_backend($1)', [holder!.pid]);
    await database.pool.query('drop trigger hold on pgboss.job');
    await waitUntil('the other one has forwarded it', async () => (await scheduled()).length > 0);
    expect(fleet.died).toEqual([]);
  });

  test('by the clock of the database when it is set forward over it', async () => {
    const { rows } = await database.pool.query<{ hour: number }>(
      `select extract(hour from pgboss.job_now() at time zone 'UTC' + interval '90 minutes')::integer as hour`,
    );
    await using fleet = openFleet({
      url: database.url,
      env: { SEALOG_AUDIT_TIMEOUT_SCHEDULE: `0 ${rows[0]!.hour} * * *` },
      executable: FAST_WORKER,
    });
    await fleet.ready(await fleet.start('one'));
    await untilIdle(database.pool);
    await hurry(database.pool, '2 hours');
    await waitUntil('the slot is made up for', async () => (await scheduled()).length > 0);
    expect(fleet.died).toEqual([]);
  });

  test('by the clock of the database when it is set back', async () => {
    await using fleet = openFleet({ url: database.url, env: EVERY_MINUTE, executable: FAST_WORKER });
    await fleet.ready(await fleet.start('one'));
    await untilIdle(database.pool);
    await hurry(database.pool, '-10 minutes');
    const known = new Set((await scheduled()).map(({ id }) => id));
    const stepped = await queueNow(database.pool);
    await waitUntil('the next slot has its activation', async () =>
      (await scheduled()).some(({ id, createdAt }) => !known.has(id) && createdAt < stepped + 300_000),
    );
    expect(fleet.died).toEqual([]);
  });
});
