import { randomUUID } from 'node:crypto';
import { beforeEach, afterEach, expect, test } from '@jest/globals';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { checkInReplica } from '../../src/store/replica-schedules.ts';
import { replaceClock } from '../support/clock.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { waitUntil } from '../support/wait.ts';

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
  const signal = AbortSignal.timeout(45_000);
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
    await checkInReplica(log, { id: randomUUID(), name: 'replica-1' }, [
      { job: 'audit-timeout', cron: '* * * * *', timezone: 'UTC' },
    ]);
    const { rowCount } = await database.pool.query(
      `select from sealog.audit_log_complete
        where id = $1 and time_completed <= (select sealed from sealog.audit_log_horizon)`,
      [id],
    );
    return rowCount === 1;
  });
});
