import { randomUUID } from 'node:crypto';
import { beforeEach, afterEach, describe, expect, jest, test } from '@jest/globals';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { checkInReplica } from '../../src/store/replica-schedules.ts';
import { replaceClock } from '../support/clock.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { requestActivation } from '../../src/worker/request-activation.ts';
import { FAST_TIMINGS, hurry } from '../support/fast-time.ts';
import { quietSchedule } from '../support/quiet-schedule.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startReplica } from '../support/replica.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';
import { TIMINGS } from '../../src/worker/timings.ts';

let database: TestDatabase;
let auditLog: AuditLog;
beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
});
afterEach(async () => await database[Symbol.asyncDispose]());

async function completeOne(operationId: string): Promise<string> {
  const { id } = await auditLog.begin({ operationId, actor: { kind: 'system' } });
  await auditLog.complete(id, { kind: 'success' });
  return id;
}

/** The database's clock goes an hour ahead, the log is sealed by it, and the clock is set right again. */
async function stepAheadAndBack(): Promise<void> {
  await replaceClock(database.pool, `clock_timestamp() + interval '1 hour'`);
  await completeOne('while it was ahead');
  await waitUntil('the horizon that is ahead is published', async () => {
    await auditLog.list();
    const { rows } = await database.pool.query(
      'select sealed > clock_timestamp() as ahead from sealog.audit_log_horizon',
    );
    return rows[0].ahead;
  });
  await replaceClock(database.pool, 'clock_timestamp()');
}

test('a follower shows what is completed after a step of the clock was taken back, and waits for no hour', async () => {
  await stepAheadAndBack();
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const followed = auditLog.entries({ follow: true, signal });
  expect((await followed.next()).value).toMatchObject({ operationId: 'while it was ahead' });
  for (const operationId of ['after it', 'after that']) {
    const id = await completeOne(operationId);
    expect((await followed.next()).value).toMatchObject({ id, operationId });
  }
});

test('a replica that checks in seals too, for readers who cannot', async () => {
  await stepAheadAndBack();
  const id = await completeOne('after it');
  const log = auditLogDatabase(database.pool, 'sealog');
  await waitUntil('what was completed since is published', async () => {
    await checkInReplica(
      log,
      { id: randomUUID(), name: 'replica-1' },
      {
        configured: [{ job: 'audit-timeout', cron: '* * * * *', timezone: 'UTC' }],
        goneSeconds: TIMINGS.goneSeconds,
      },
    );
    const { rowCount } = await database.pool.query(
      `select from sealog.audit_log_complete
        where id = $1 and time_completed <= (select sealed from sealog.audit_log_horizon)`,
      [id],
    );
    return rowCount === 1;
  });
});

test('activations that ended in the future are not the latest any more when the clock has been set back', async () => {
  await database.pool.query(`
    insert into pgboss.job (name, state, policy, created_on, started_on, completed_on, output)
    select 'audit-timeout', 'completed', 'stately', now() + n * interval '1 minute', now() + n * interval '1 minute',
           now() + n * interval '1 minute', '{}' from generate_series(1, 30) n;
    update pgboss.version set cron_on = now() + interval '1 hour'`);
  await using replica = await startReplica(database.url);
  const noneIsAhead = async () => {
    const { rows } = await database.pool.query<{ ahead: number }>(
      `select count(*)::integer as ahead from pgboss.job where name = 'audit-timeout'
          and greatest(created_on, started_on, completed_on) > now() + interval '5 s'`,
    );
    return rows[0]!.ahead === 0;
  };
  await waitUntil('none is in the future', noneIsAhead);
  // One that began before the clock was set back commits its stamps after that.
  await database.pool.query(`
    insert into pgboss.job (name, state, policy, completed_on, output)
    values ('audit-timeout', 'completed', 'stately', now() + interval '1 hour', '{}')`);
  await waitUntil('it is in the future no more', noneIsAhead);
  expect(replica.logger.withEvent('queue.error')).toEqual([]);
});

test('a replica that checked in while the clock was ahead is gone in time', async () => {
  const configured = [{ job: 'audit-timeout', cron: '* * * * *', timezone: 'UTC' }];
  await database.pool.query(`
    insert into sealog.replica (name, job, cron, timezone, time_checked)
    values ('killed', 'audit-timeout', '0 3 * * *', 'UTC', now() + interval '1 hour'),
           ('there', 'audit-timeout', '* * * * *', 'UTC', now() - interval '1 minute')`);
  const log = auditLogDatabase(database.pool, 'sealog');
  await checkInReplica(log, { id: randomUUID(), name: 'this' }, { configured, goneSeconds: TIMINGS.goneSeconds });
  const { rows } = await database.pool.query(
    `select name, round(extract(epoch from clock_timestamp() - time_checked) / 60)::integer as minutes
       from sealog.replica order by name`,
  );
  expect(rows).toEqual([
    { name: 'killed', minutes: 0 },
    { name: 'there', minutes: 1 },
    { name: 'this', minutes: 0 },
  ]);
});

describe('what the clock left in the queue when it was set back, or somebody put there, holds nobody up:', () => {
  const HOUR = `pgboss.job_now() + interval '1 hour'`;
  test.each([
    ['one that waits', 'state, created_on, start_after', `'created', ${HOUR}, ${HOUR}`],
    ['one that is to be tried again', 'state, retry_count, start_after', `'retry', 1, ${HOUR}`],
    [
      'one whose replica was killed',
      'state, created_on, start_after, started_on, heartbeat_on, heartbeat_seconds, expire_seconds',
      `'active', ${HOUR}, ${HOUR}, ${HOUR}, ${HOUR}, 10, 120`,
    ],
    ['one that is never due', 'state, start_after', `'created', 'infinity'`],
    ['one that waits for another job', 'state, blocked', `'created', true`],
    ['one that never ends', 'state, started_on, expire_seconds', `'active', 'infinity', 2147483647`],
    ['one that runs and never began', 'state', `'active'`],
  ])('%s', async (_, columns, values) => {
    await using replica = await startReplica(
      database.url,
      { SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule() },
      FAST_TIMINGS,
    );
    await replica.startup();
    await hurry(database.pool);
    // The stamps of pg-boss's passes are right already.
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into pgboss.job (name, policy, retry_limit, ${columns}) values ('audit-timeout', 'stately', 5, ${values})
       returning id`,
    );
    await waitUntil('it has run', async () => {
      const { rowCount } = await database.pool.query(
        `select from pgboss.job where id = $1 and state = 'completed' and completed_on < pgboss.job_now() + interval '5 s'`,
        [rows[0]!.id],
      );
      return rowCount === 1;
    });
    expect(await replica.activate()).toMatchObject({ state: 'completed' });
    expect(replica.logger.withEvent('queue.error')).toEqual([]);
  });
});

test('an activation that nobody runs is given up in time, however many others seem to be newer', async () => {
  await database.pool.query(`
    insert into pgboss.job (name, state, policy, created_on, completed_on)
    select 'audit-timeout', 'completed', 'stately', now() + interval '1 hour', now() from generate_series(1, 30)`);
  const queue = {
    pool: database.pool,
    schema: 'pgboss',
    auditLogSchema: 'sealog',
    logger: recordingLogger(),
    instanceName: 'x',
  };
  const request = () => requestActivation(queue, { job: 'audit-timeout', waitSeconds: 1 });
  await expect(request()).rejects.toThrow('was taken by no worker');
  // The clock of its own host goes back, too.
  const { now } = Date;
  let back = 0;
  const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() - 1000 * back++);
  await expect(request()).rejects.toThrow('was taken by no worker');
  clock.mockRestore();
});
