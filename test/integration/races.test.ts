import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createAuditLog } from '../../src/index.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { readCutoff } from '../../src/store/read-cutoff.ts';
import { timeoutStaleEntries } from '../../src/store/timeout-stale-entries.ts';
import { inTransaction } from '../../src/store/transaction.ts';
import { connected, testPool } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { entriesAsText, insertEntries, resultsOf } from '../support/entries.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';
import { TIMINGS } from '../../src/worker/timings.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

/** A connection of its own, in an open transaction. */
async function openTransaction(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = await connected(url);
  await client.query('begin');
  return client;
}

describe('a completion and the job race for an entry', () => {
  test('a success that commits while the job runs is kept, and the job does not wait for it', async () => {
    const [raced, other] = await insertEntries(database.pool, [{ startedMinutesAgo: 90 }, { startedMinutesAgo: 80 }]);
    await using service = await openTransaction(database.url);
    await service.query(
      `update sealog.audit_log set result_kind = 'success' where id = $1 and time_completed is null`,
      [raced],
    );

    const log = auditLogDatabase(database.pool, 'sealog');
    const cutoff = await readCutoff(log, 60);
    // Would hang here if it waited for the service's lock.
    expect(await timeoutStaleEntries(log, { cutoff, limit: 10 })).toMatchObject({ timedOut: 1, sampleIds: [other] });
    await service.query('commit');
    expect(await timeoutStaleEntries(log, { cutoff, limit: 10 })).toMatchObject({ timedOut: 0 });
    expect(await resultsOf(database.pool)).toMatchObject([
      { id: raced, result_kind: 'success' },
      { id: other, result_kind: 'timeout' },
    ]);
  });

  test('a success that waits while the job commits changes nothing of the entry and is appended as an amendment', async () => {
    const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 90 }]);
    await using job = await openTransaction(database.url);
    await job.query(`update sealog.audit_log set result_kind = 'timeout' where id = $1 and time_completed is null`, [
      id,
    ]);

    await using auditLog = createAuditLog({ connectionString: database.url });
    const completing = auditLog.complete(id!, { kind: 'success', httpStatusCode: 201 });
    await waitForLockOf(database.pool);
    await job.query('commit');
    const standing = await entriesAsText(database.pool, [id!]);

    expect(await completing).toMatchObject({ status: 'amended' });
    expect(await entriesAsText(database.pool, [id!])).toEqual(standing);
  });

  test('without its guard in WHERE, the losing statement is refused instead of overwriting', async () => {
    const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 90 }]);
    await using service = await openTransaction(database.url);
    await service.query(`update sealog.audit_log set result_kind = 'success' where id = $1`, [id]);
    // The statement of the original: membership of the id is all that is checked when the row is written.
    const port = database.pool.query(`
      update sealog.audit_log set result_kind = 'timeout'
       where id in (select id from sealog.audit_log where time_completed is null order by time_started limit 10)`);
    const refused = expect(port).rejects.toMatchObject({ constraint: 'audit_log_completed_is_final' });
    await waitForLockOf(database.pool);
    await service.query('commit');
    await refused;
    expect(await resultsOf(database.pool)).toMatchObject([{ id, result_kind: 'success' }]);
  });

  test('four activations at once share 5,000 stale entries without waiting for each other', async () => {
    await database.pool.query(`
      insert into sealog.audit_log (time_started, operation_id, actor_kind)
      select now() - interval '2 hours' + n * interval '1 ms', 'many', 'system' from generate_series(1, 5000) n`);
    const log = auditLogDatabase(database.pool, 'sealog');
    const cutoff = await readCutoff(log, 60);
    await using first = await openTransaction(database.url);
    // The first has taken its share and not committed when the second takes its own.
    const share = await first.query(
      `with stale as materialized (
         select id from sealog.audit_log where time_completed is null order by time_started, id limit 2000
         for update skip locked)
       update sealog.audit_log entry set result_kind = 'timeout' from stale
        where entry.id = stale.id and entry.time_completed is null`,
    );
    // So has the second, when two more take what is left at once. Whoever waited for a row of theirs would fail.
    const taken = Promise.withResolvers<number>();
    const ending = Promise.withResolvers<void>();
    const second = inTransaction(log, TIMINGS.transaction, async (transaction) => {
      taken.resolve((await timeoutStaleEntries(transaction, { cutoff, limit: 1000 })).timedOut);
      await ending.promise;
    });
    second.catch(taken.reject);
    expect(await taken.promise).toBe(1000);
    const pool = testPool({ connectionString: database.url, max: 2, options: `-c lock_timeout=${PATIENCE_MS}` });
    const others = auditLogDatabase(pool, 'sealog');
    const counts = await Promise.all([drain(others, cutoff), drain(others, cutoff)]);
    await pool.end();
    ending.resolve();
    await second;
    await first.query('commit');
    expect((share.rowCount ?? 0) + 1000 + counts[0] + counts[1]).toBe(5000);
    const { rows } = await database.pool.query(
      `select count(*)::int as entries, count(distinct id)::int as ids, count(distinct time_completed)::int as stamps
         from sealog.audit_log where result_kind = 'timeout'`,
    );
    expect(rows).toMatchObject([{ entries: 5000, ids: 5000 }]);
  });
});

async function drain(log: ReturnType<typeof auditLogDatabase>, cutoff: string): Promise<number> {
  let total = 0;
  for (;;) {
    const { timedOut } = await timeoutStaleEntries(log, { cutoff, limit: 250 });
    if (timedOut === 0) return total;
    total += timedOut;
  }
}

async function waitForLockOf(pool: pg.Pool): Promise<void> {
  const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await waitUntil('something waits', async () => (await pool.query(waiting)).rowCount !== 0);
}
