import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { listReplicaSchedules } from '../../src/store/replica-schedules.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startReplica } from '../support/replica.ts';
import { waitUntil } from '../support/wait.ts';
import { TIMINGS } from '../../src/worker/timings.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

async function installed() {
  const { rows } = await database.pool.query(
    `select name, cron, timezone, options->>'missed' as missed from pgboss.schedule`,
  );
  return rows;
}

test('the schedule of the last replica to start is installed, the change is logged, and the other one tells its drift', async () => {
  await using old = await startReplica(database.url, {
    SEALOG_INSTANCE_NAME: 'old',
    SEALOG_AUDIT_TIMEOUT_SCHEDULE: '*/7 * * * *',
  });
  expect(await installed()).toEqual([{ name: 'audit-timeout', cron: '*/7 * * * *', timezone: 'UTC', missed: 'once' }]);
  await using recent = await startReplica(database.url, {
    SEALOG_INSTANCE_NAME: 'recent',
    SEALOG_AUDIT_TIMEOUT_SCHEDULE: '*/5 * * * *',
    SEALOG_AUDIT_TIMEOUT_TIMEZONE: 'Europe/Berlin',
  });
  expect(await installed()).toMatchObject([{ cron: '*/5 * * * *', timezone: 'Europe/Berlin', missed: 'once' }]);
  expect(recent.logger.withEvent('schedule.installed')).toMatchObject([
    { level: 'info', schedule: '*/5 * * * * Europe/Berlin', previous: '*/7 * * * * UTC' },
  ]);

  await waitUntil('the old one notices', () => old.logger.withEvent('schedule.drift').length > 0);
  expect(old.logger.withEvent('schedule.drift')).toMatchObject([
    { level: 'warn', configured: '*/7 * * * * UTC', installed: '*/5 * * * * Europe/Berlin' },
  ]);
  expect(recent.logger.withEvent('schedule.drift')).toEqual([]);
  expect(await listReplicaSchedules(old.database, { job: 'audit-timeout', goneSeconds: TIMINGS.goneSeconds })).toEqual([
    { name: 'old', cron: '*/7 * * * *', timezone: 'UTC' },
    { name: 'recent', cron: '*/5 * * * *', timezone: 'Europe/Berlin' },
  ]);

  // Somebody puts the old schedule back: both notice, in their ways.
  await database.pool.query(`update pgboss.schedule set cron = '*/7 * * * *', timezone = 'UTC'`);
  const changed = () =>
    old.logger.withEvent('schedule.agrees').length > 0 && recent.logger.withEvent('schedule.drift').length > 0;
  await waitUntil('both notice', changed);
});

test('a replica that starts with the installed schedule writes nothing', async () => {
  {
    await using first = await startReplica(database.url);
    expect(first.logger.withEvent('schedule.installed')).toMatchObject([{ previous: null }]);
  }
  const before = await database.pool.query('select updated_on from pgboss.schedule');
  await using second = await startReplica(database.url, { SEALOG_INSTANCE_NAME: 'second' });
  expect(second.logger.withEvent('schedule.installed')).toEqual([]);
  expect((await database.pool.query('select updated_on from pgboss.schedule')).rows).toEqual(before.rows);
  // The first one has left the fleet with its end.
  expect(
    await listReplicaSchedules(second.database, { job: 'audit-timeout', goneSeconds: TIMINGS.goneSeconds }),
  ).toMatchObject([{ name: 'second' }]);
});
