/**
 * The interleavings that a load meets once in a million: the test stops one side between two steps of the protocol,
 * lets the other one pass, and goes on. What the horizon has told must hold in each.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type AuditLog, createAuditLog, type Page } from '../../src/index.ts';
import { connected, testPool } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import {
  closeAfterScan,
  closeBeforeLock,
  closeClock,
  closeGate,
  GATED,
  WAIT_AT_GATE,
} from '../support/stable-past/gate.ts';
import { setClock } from '../support/stable-past/disturbances.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
let gatedPool: pg.Pool;
/** The same log over sessions that wait at the gate. */
let gated: AuditLog;

beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
  gatedPool = testPool({ connectionString: database.url, application_name: GATED });
  gated = createAuditLog({ pool: gatedPool });
});
afterEach(async () => {
  await gatedPool.end();
  await database[Symbol.asyncDispose]();
});

async function begin(): Promise<string> {
  return (await auditLog.begin({ operationId: 'raced', actor: { kind: 'system' } })).id;
}

async function completed(log: AuditLog, id: string): Promise<string> {
  const outcome = await log.complete(id, { kind: 'success' });
  if (outcome.status !== 'completed') throw new Error(`it was ${outcome.status}`);
  return outcome.timeCompleted;
}

/** What the page told is what is there now, up to its horizon. */
async function expectToHold(page: Page): Promise<void> {
  const now = await auditLog.list({ limit: 10_000 });
  const ids = now.entries.filter(({ timeCompleted }) => timeCompleted <= page.horizon).map(({ id }) => id);
  expect(page.entries.map(({ id }) => id)).toEqual(ids);
}

test('a completer that stops between its lock and its commit, with an old clock, lands above every horizon told meanwhile', async () => {
  const id = await begin();
  await using gate = await closeClock(database.url, 'after');
  const completing = completed(gated, id);
  await gate.waitFor(1);
  const page = await auditLog.list();
  await gate.open();
  expect((await completing) > page.horizon).toBe(true);
  await expectToHold(page);
});

test('a completer that stops before its lock is stamped above a horizon told meanwhile, though the clock was set back', async () => {
  const id = await begin();
  await using gate = await closeBeforeLock(database.url);
  const completing = completed(gated, id);
  await gate.waitFor(1);
  await setClock(database.pool, 3_600_000);
  const page = await auditLog.list();
  await setClock(database.pool, 0);
  await gate.open();
  expect((await completing) > page.horizon).toBe(true);
  await expectToHold(page);
});

test('a completer that comes after the scan of a sealer whose clock is ahead is stamped above its horizon', async () => {
  const id = await begin();
  await using gate = await closeAfterScan(database.url);
  await setClock(database.pool, 3_600_000);
  const sealing = gated.list();
  await gate.waitFor(1);
  await setClock(database.pool, 0);
  const stamp = await completed(auditLog, id);
  await gate.open();
  const page = await sealing;
  expect(stamp > page.horizon).toBe(true);
  await expectToHold(page);
});

test('two sealers at once do not lower the floor under a horizon that one of them has told', async () => {
  const id = await begin();
  await using gate = await closeClock(database.url, 'after');
  const first = gated.list();
  await gate.waitFor(1);
  // The clock jumps, so that the second answers far above what the first one will.
  await setClock(database.pool, 3_600_000);
  const second = auditLog.list();
  await untilAnsweredOrWaiting(second);
  await setClock(database.pool, 0);
  await gate.open();
  const pages = await Promise.all([first, second]);
  const stamp = await completed(auditLog, id);
  for (const page of pages) {
    expect(stamp > page.horizon).toBe(true);
    await expectToHold(page);
  }
});

test('a completion that commits while the horizon is being told is in the page, if it is not after the horizon', async () => {
  const id = await begin();
  await using gate = await closeClock(database.url, 'before');
  const listing = gated.list();
  await gate.waitFor(1);
  const stamp = await completed(auditLog, id);
  await gate.open();
  const page = await listing;
  expect(stamp <= page.horizon).toBe(true);
  expect(page.entries).toMatchObject([{ id, timeCompleted: stamp }]);
  await expectToHold(page);
});

test('a horizon that was told while the clock was ahead is not reached by a stamp after it was set back', async () => {
  const ids = [await begin(), await begin()];
  await setClock(database.pool, 3_600_000);
  const page = await auditLog.list();
  await setClock(database.pool, 0);
  for (const id of ids) expect((await completed(auditLog, id)) > page.horizon).toBe(true);
  await expectToHold(page);
  // And the horizon goes on, though the clock is an hour behind.
  expect((await auditLog.list()).entries.map(({ id }) => id)).toEqual(ids.toSorted());
});

test('the horizon stays below a completion in the very first microsecond of a transaction', async () => {
  const id = await begin();
  // Then the stamp is the start of the transaction.
  await setClock(database.pool, -3_600_000);
  await using gate = await closeGate(database.url);
  const completing = gatedPool.query(`do $$ begin
    -- The key of the lock is in milliseconds: only at a whole one is the stamp as low as the key.
    while extract(microseconds from transaction_timestamp())::bigint % 1000 <> 0 loop commit; end loop;
    update sealog.audit_log set result_kind = 'success' where id = '${id}';
    if (select time_completed <> transaction_timestamp() from sealog.audit_log where id = '${id}') then
      raise 'it was not stamped at the start of the transaction';
    end if;
    ${WAIT_AT_GATE}
  end $$`);
  await gate.waitFor(1);
  await setClock(database.pool, 3_600_000);
  const page = await auditLog.list();
  await gate.open();
  await completing;
  await expectToHold(page);
});

test('a list that is cancelled while it gets the turn to seal gives it back', async () => {
  await using other = await connected(database.url);
  await other.query('select pg_advisory_lock(sealog.audit_log_sealer_key())');
  const { rows } = await gatedPool.query<{ pid: number }>('select pg_backend_pid() as pid');
  const { pid } = rows[0]!;
  const listing = gated.list().catch((error: unknown) => error);
  await waitUntil('it waits for its turn', async () => (await locksOf(pid, false)) === 1);
  // Stopped, it gets both at once: the lock and the cancellation.
  process.kill(pid, 'SIGSTOP');
  try {
    await other.query('select pg_advisory_unlock(sealog.audit_log_sealer_key())');
    await other.query('select pg_cancel_backend($1)', [pid]);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  expect(await listing).toMatchObject({ sqlState: '57014' });
  expect(await locksOf(pid, true)).toBe(0);
});

async function locksOf(pid: number, granted: boolean): Promise<number | null> {
  const locks = `select from pg_locks where locktype = 'advisory' and pid = $1 and granted = $2`;
  return (await database.pool.query(locks, [pid, granted])).rowCount;
}

/** Until the sealer has answered or waits for the other one: either way it has gone as far as it can. */
async function untilAnsweredOrWaiting(answer: Promise<unknown>): Promise<void> {
  let answered = false;
  void answer.finally(() => (answered = true));
  const waiting = `select from pg_locks where locktype = 'advisory' and not granted and objid <> 4711
    and database = (select oid from pg_database where datname = current_database())`;
  await waitUntil('it has answered or waits', async () => {
    return answered || (await database.pool.query(waiting)).rowCount === 1;
  });
}
