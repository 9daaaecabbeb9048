import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { listReplicaSchedules } from '../../src/store/replica-schedules.ts';
import { installQueues } from '../../src/worker/install-queues.ts';
import { openBoss } from '../../src/worker/boss.ts';
import { readQueueStatus } from '../../src/worker/queue-status.ts';
import { slotWatch } from '../../src/worker/slot-watch.ts';
import { readStatus } from '../../src/cli/status/read-status.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startReplica } from '../support/replica.ts';
import { waitUntil } from '../support/wait.ts';
import { TIMINGS } from '../../src/worker/timings.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

async function queueRow() {
  const { rows } = await database.pool.query<{ policy: string; heartbeat_seconds: number }>(
    `select policy, heartbeat_seconds, expire_seconds from pgboss.queue where name = 'audit-timeout'`,
  );
  return rows[0];
}

const scheduled = async (job: string) =>
  (await database.pool.query('select from pgboss.schedule where name = $1', [job])).rows.length === 1;

describe('a schedule that cannot be read', () => {
  // What pg-boss takes too, and what SQL takes.
  test.each(['FREQ=DAILY', 'every now and then'])(
    '%s keeps nobody from taking over a lost activation',
    async (cron) => {
      await using replica = await startReplica(database.url);
      await replica.startup();
      await database.pool.query('update pgboss.version set reindex_on = null');
      await database.pool.query('update pgboss.schedule set cron = $1', [cron]);
      await waitUntil('it is noticed', () => replica.logger.withEvent('schedule.unreadable').length > 0);
      expect(replica.logger.withEvent('schedule.unreadable')).toMatchObject([
        { level: 'error', job: 'audit-timeout', installed: `${cron} UTC` },
      ]);
      // As a killed replica leaves it.
      await database.pool.query(`
      insert into pgboss.job (name, state, policy, retry_limit, started_on, heartbeat_on, heartbeat_seconds)
      values ('audit-timeout', 'active', 'stately', 5, now(), now() - interval '1 minute', 10)`);
      const takenOver = async () => {
        const { rows } = await database.pool.query(
          `select from pgboss.job where name = 'audit-timeout' and retry_count = 1 and state = 'completed'`,
        );
        return rows.length > 0;
      };
      await waitUntil('another replica has run it', takenOver);
      // A pass of supervision that builds indexes anew waits for every older transaction.
      expect((await database.pool.query('select reindex_on from pgboss.version')).rows).toEqual([{ reindex_on: null }]);
      expect(replica.logger.withEvent('queue.error')).toEqual([]);
    },
  );

  test('is what status says, beside the rest', async () => {
    await using replica = await startReplica(database.url);
    await replica.startup();
    await database.pool.query(`update pgboss.schedule set cron = 'every now and then'`);
    const status = await readStatus(replica, (query) => readQueueStatus(replica.queue, query));
    expect(status).toMatchObject({ nextRun: null, scheduleError: expect.any(String), whole: false });
    expect(status.lastActivations).not.toEqual([]);
    expect(status.problems.map(({ kind }) => kind)).toContain('schedule-unreadable');
  });
});

describe('a queue that somebody changed', () => {
  test('gets its policy back, with its schedule', async () => {
    await using replica = await startReplica(database.url);
    await using second = await startReplica(database.url, { SEALOG_INSTANCE_NAME: 'second' });
    await replica.startup();
    await database.pool.query(`
      begin;
      select pgboss.delete_queue('audit-timeout');
      select pgboss.create_queue('audit-timeout', '{"policy": "standard"}');
      commit`);
    await waitUntil('its policy is restored', async () => (await queueRow())?.policy === 'stately');
    await waitUntil('its schedule is back', () => scheduled('audit-timeout'));
    const restored = [replica, second].flatMap(({ logger }) => logger.withEvent('queue.restored'));
    expect(restored).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        queue: 'audit-timeout',
        found: expect.objectContaining({ policy: 'standard' }),
      }),
    );
    expect(await replica.activate()).toMatchObject({ state: 'completed' });
  });

  test('gets its heartbeat back', async () => {
    await using replica = await startReplica(database.url);
    await database.pool.query(`update pgboss.queue set heartbeat_seconds = null where name = 'audit-timeout'`);
    await waitUntil('its heartbeat is restored', async () => (await queueRow())?.heartbeat_seconds === 10);
    await waitUntil('that is logged', () => replica.logger.withEvent('queue.restored').length > 0);
    expect(replica.logger.withEvent('queue.restored')).toMatchObject([{ found: { heartbeatSeconds: null } }]);
  });

  test('and had another policy when a replica starts is made anew', async () => {
    await database.pool.query(`
      select pgboss.delete_queue('audit-timeout'); select pgboss.create_queue('audit-timeout', '{"policy": "short"}')`);
    await using replica = await startReplica(database.url);
    expect(await queueRow()).toMatchObject({ policy: 'stately', heartbeat_seconds: 10 });
    expect(await replica.activate()).toMatchObject({ state: 'completed' });
  });
});

test('a replica that can fetch no activation does not work, until it can', async () => {
  await using replica = await startReplica(database.url);
  await replica.startup();
  const works = () => {
    try {
      replica.worker.checkWork();
      return 'yes';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(works()).toBe('yes');
  await database.pool.query(`
    create function pgboss.refuse() returns trigger language plpgsql as $$ begin raise exception 'no update'; end $$;
    create trigger refuse before update on pgboss.job_common for each row execute function pgboss.refuse()`);
  const activation = replica.activate();
  await waitUntil('it says so', () => works().startsWith('no update (Queue: audit-timeout'));
  await database.pool.query('drop trigger refuse on pgboss.job_common');
  expect(await activation).toMatchObject({ state: 'completed' });
  await waitUntil('it works again', () => works() === 'yes');
});

describe('schedules', () => {
  test('one whose activations would be sent otherwise is installed anew at the next start', async () => {
    const row = async () =>
      (await database.pool.query('select cron, kind, data, options from pgboss.schedule')).rows[0] as unknown;
    {
      await using replica = await startReplica(database.url);
      await replica.startup();
    }
    const installed = await row();
    for (const change of [
      `options = options || '{"startAfter": 86400}'`,
      `options = null`,
      `data = '{"trigger": "x"}'`,
      `kind = 'rrule'`,
    ]) {
      await database.pool.query(`update pgboss.schedule set ${change}`);
      await using replica = await startReplica(database.url);
      expect({ change, row: await row() }).toEqual({ change, row: installed });
      expect(replica.logger.withEvent('schedule.installed')).toHaveLength(1);
    }
    await using same = await startReplica(database.url);
    expect(same.logger.withEvent('schedule.installed')).toEqual([]);
  });

  test('activations of a rare one are kept for longer than its period, also over a migration', async () => {
    const keptDays = async () => {
      const { rows } = await database.pool.query<{ days: number }>(
        `select deletion_seconds / 86400 as days from pgboss.queue where name = 'audit-timeout'`,
      );
      return rows[0]!.days;
    };
    {
      await using yearly = await startReplica(database.url, { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 0 1 1 *' });
      expect(await keptDays()).toBe(4 * 366);
      expect(yearly.logger.withEvent('queue.restored')).toEqual([]);
      await installQueues(yearly.queue);
      expect(await keptDays()).toBe(4 * 366);
    }
    await using weekly = await startReplica(database.url, { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 0 * * 0' });
    expect(await keptDays()).toBe(30);
    expect(weekly.logger.withEvent('queue.restored')).toEqual([]);
  });

  test('one that is gone is installed again by a replica that runs', async () => {
    await using replica = await startReplica(database.url);
    await database.pool.query('delete from pgboss.schedule');
    await waitUntil('it is back', () => scheduled('audit-timeout'));
    await waitUntil('that is logged', () => replica.logger.withEvent('schedule.installed').length === 2);
    expect(replica.logger.withEvent('schedule.installed')[1]).toMatchObject({ job: 'audit-timeout', previous: null });
  });

  test('one without a job is removed, unless another replica has the job or another program made it', async () => {
    await database.pool.query(`
      select pgboss.create_queue(name, '{"policy": "stately"}') from unnest('{removed,newer,invoices}'::text[]) as name;
      insert into pgboss.schedule (name, cron, data) values
        ('removed', '0 3 * * *', '{"trigger": "schedule"}'), ('newer', '0 3 * * *', '{"trigger": "schedule"}'),
        ('invoices', '0 3 * * *', null);
      insert into sealog.replica (name, job, cron, timezone) values ('newer', 'newer', '0 3 * * *', 'UTC')`);
    await using replica = await startReplica(database.url);
    expect(replica.logger.withEvent('schedule.removed')).toMatchObject([{ job: 'removed', schedule: '0 3 * * * UTC' }]);
    expect([await scheduled('removed'), await scheduled('newer'), await scheduled('invoices')]).toEqual([
      false,
      true,
      true,
    ]);
  });
});

test('two replicas of one name are two: one that ends leaves the other one in the fleet', async () => {
  const name = { SEALOG_INSTANCE_NAME: 'twin' };
  await using first = await startReplica(database.url, name);
  {
    await using second = await startReplica(database.url, { ...name, SEALOG_AUDIT_TIMEOUT_SCHEDULE: '*/7 * * * *' });
    const crons = (
      await listReplicaSchedules(second.database, { job: 'audit-timeout', goneSeconds: TIMINGS.goneSeconds })
    ).map(({ cron }) => cron);
    expect(crons.toSorted()).toEqual(['*/7 * * * *', first.settings.auditTimeout.schedule].toSorted());
  }
  expect(
    await listReplicaSchedules(first.database, { job: 'audit-timeout', goneSeconds: TIMINGS.goneSeconds }),
  ).toMatchObject([{ name: 'twin' }]);
});

describe('a slot that no activation has served', () => {
  const now = Date.UTC(2026, 2, 2, 12, 0, 30) / 1000;
  const slot = Date.UTC(2026, 2, 2, 12) / 1000;

  test.each([
    ['nobody asked', { asked: slot - 600, served: slot - 600 }, 41_000, 'missed'],
    ['the one that was asked for failed', { asked: slot + 5, served: slot - 600 }, 41_000, undefined],
    ['the one that was asked for failed, five minutes ago', { asked: slot + 5, served: slot - 600 }, 301_000, 'failed'],
    ['one waits or runs', { asked: slot - 600, served: now }, 301_000, undefined],
    ['one served it', { asked: slot + 5, served: slot + 6 }, 301_000, undefined],
  ])('when %s', async (_, seen, waitedMs, reason) => {
    const { boss, logger, [Symbol.asyncDispose]: end } = await client();
    const start = performance.now();
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => start);
    const watch = slotWatch(boss, logger);
    const schedules = [{ job: 'audit-timeout', cron: '0 * * * *', timezone: 'UTC', updated: 0, ...seen }];
    await watch(now, schedules);
    clock.mockImplementation(() => start + waitedMs);
    await watch(now, schedules);
    clock.mockRestore();
    expect(logger.withEvent('schedule.slot-unserved').map((line) => line['reason'])).toEqual(reason ? [reason] : []);
    await end();
  });
});

async function client() {
  const logger = recordingLogger();
  const queue = { pool: database.pool, schema: 'pgboss', auditLogSchema: 'sealog', logger, instanceName: 'test' };
  const boss = openBoss({ ...queue, role: 'client', migrate: false });
  await boss.start();
  return { boss, logger, [Symbol.asyncDispose]: () => boss.stop({ graceful: false }) };
}
