import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AuditTimeoutOutcome } from '../../src/jobs/audit-timeout.ts';
import type { RecordedActivation } from '../../src/worker/activation-history.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { readCutoff } from '../../src/store/read-cutoff.ts';
import { timeoutEachStaleEntry } from '../../src/store/timeout-each-stale-entry.ts';
import { inTransaction } from '../../src/store/transaction.ts';
import { TIMINGS } from '../../src/worker/timings.ts';
import { replaceClock } from '../support/clock.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { entriesAsText, insertEntries, resultsOf } from '../support/entries.ts';
import { startReplica } from '../support/replica.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

const HOUR = { SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: '3600' };

describe('the audit-timeout job', () => {
  test('completes five stale entries at limit 3 in activations of 3, 2 and 0, oldest first', async () => {
    // Two share their start, inserted in the wrong order: the id decides.
    const second = '00000000-0000-7000-8000-000000000002';
    const third = '00000000-0000-7000-8000-000000000003';
    const [oldest, , , fourth, fifth] = await insertEntries(database.pool, [
      { startedMinutesAgo: 300 },
      { startedMinutesAgo: 200, id: third },
      { startedMinutesAgo: 200, id: second },
      { startedMinutesAgo: 100 },
      { startedMinutesAgo: 62, operationId: 'disk_create' },
    ]);
    const [recent] = await insertEntries(database.pool, [{ startedMinutesAgo: 58 }]);
    const [completed] = await insertEntries(database.pool, [{ startedMinutesAgo: 500 }]);
    await database.pool.query(
      `update sealog.audit_log set result_kind = 'success', http_status_code = 201 where id = $1`,
      [completed],
    );
    const completedBefore = await entriesAsText(database.pool, [completed!]);

    await using replica = await startReplica(database.url, {
      ...HOUR,
      SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '3',
      SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLOG: 'false',
      SEALOG_INSTANCE_NAME: 'replica-1',
    });
    const first = outcomeOf(await replica.startup());
    const next = outcomeOf(await replica.activate());
    const last = outcomeOf(await replica.activate());

    expect(
      [first, next, last].map(({ timedOut, limitReached, sampleIds }) => ({ timedOut, limitReached, sampleIds })),
    ).toEqual([
      { timedOut: 3, limitReached: true, sampleIds: [oldest, second, third] },
      { timedOut: 2, limitReached: false, sampleIds: [fourth, fifth] },
      { timedOut: 0, limitReached: false, sampleIds: [] },
    ]);
    expect(next.byOperation).toEqual({ test_operation: 1, disk_create: 1 });
    expect(first).toMatchObject({ by: 'replica-1', limit: 3, skipped: [] });
    expect(first.cutoff).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

    expect(await resultsOf(database.pool)).toMatchObject([
      { id: completed, result_kind: 'success', http_status_code: 201 },
      ...[oldest, second, third, fourth, fifth].map((id) => ({ id, result_kind: 'timeout', http_status_code: null })),
      { id: recent, result_kind: null, completed: false },
    ]);
    expect(await entriesAsText(database.pool, [completed!])).toEqual(completedBefore);
    const lines = replica.logger.withEvent('audit-timeout.activation');
    expect(lines.map(({ level, timedOut }) => [level, timedOut])).toEqual([
      ['warn', 3],
      ['warn', 2],
      ['debug', 0],
    ]);
    expect(new Set(lines.slice(0, 2).map(({ message }) => message)).size).toBe(1);
  });

  test('drains a backlog by itself when one activation reached its limit', async () => {
    await insertEntries(
      database.pool,
      Array.from({ length: 25 }, () => ({ startedMinutesAgo: 90 })),
    );
    await using replica = await startReplica(database.url, {
      ...HOUR,
      SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '10',
    });
    const outcomes = [];
    do outcomes.push(outcomeOf(await replica.activate()));
    while (outcomes.at(-1)!.timedOut > 0);
    const results = await resultsOf(database.pool);
    expect(results.filter(({ result_kind }) => result_kind === 'timeout')).toHaveLength(25);
    const lines = replica.logger.withEvent('audit-timeout.activation');
    expect(lines.filter(({ timedOut }) => timedOut !== 0).map(({ timedOut }) => timedOut)).toEqual([10, 10, 5]);
    expect(lines.map(({ trigger }) => trigger)).toContain('backlog');
  });

  test('takes an entry that was started before the cutoff and leaves one that was started at it', async () => {
    await replaceClock(database.pool, `timestamptz '2026-03-01 12:00:00.000002+00'`);
    const begin = async (started: string) => {
      const { rows } = await database.pool.query<{ id: string }>(
        `insert into sealog.audit_log (time_started, operation_id, actor_kind) values ($1, 'edge', 'system') returning id`,
        [started],
      );
      return rows[0]!.id;
    };
    const before = await begin('2026-03-01 11:00:00.000001+00');
    const at = await begin('2026-03-01 11:00:00.000002+00');
    await using replica = await startReplica(database.url, HOUR);
    const { outcome } = await replica.activate();
    expect(outcome).toMatchObject({ cutoff: '2026-03-01T11:00:00.000002Z' });
    expect(await resultsOf(database.pool)).toMatchObject([
      { id: before, result_kind: 'timeout' },
      { id: at, result_kind: null },
    ]);
  });

  test('takes an entry that was begun while the clock was more than a day ahead, after those that are old', async () => {
    const insert = async (started: string): Promise<string> => {
      const { rows } = await database.pool.query<{ id: string }>(
        `insert into sealog.audit_log (time_started, operation_id, actor_kind) values (${started}, 'x', 'system') returning id`,
      );
      return rows[0]!.id;
    };
    await replaceClock(database.pool, `clock_timestamp() + interval '1 year'`);
    const ahead = await insert('sealog.audit_log_clock()');
    await replaceClock(database.pool, 'clock_timestamp()');
    const soon = await insert(`now() + interval '23 hours'`);
    const old = await insert(`now() - interval '2 hours'`);

    await using replica = await startReplica(database.url, {
      ...HOUR,
      SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '1',
      SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLOG: 'false',
    });
    const first = outcomeOf(await replica.startup());
    const second = outcomeOf(await replica.activate());
    const third = outcomeOf(await replica.activate());
    expect([first, second, third].map(({ sampleIds, skipped }) => ({ sampleIds, skipped }))).toEqual([
      { sampleIds: [old], skipped: [] },
      { sampleIds: [ahead], skipped: [] },
      { sampleIds: [], skipped: [] },
    ]);
    const { rows } = await database.pool.query('select id from sealog.audit_log where time_completed is null');
    expect(rows).toEqual([{ id: soon }]);
  });

  test('completes all but the entries that the database refuses, and says which', async () => {
    const ids = await insertEntries(
      database.pool,
      Array.from({ length: 50 }, (_, index) => ({ startedMinutesAgo: 100 + index })),
    );
    const poisoned = [ids[49]!, ids[20]!];
    await database.pool.query(`
      create function refuse() returns trigger language plpgsql as $$
      begin
        if new.id = '${poisoned[0]}' then raise check_violation using message = 'poisoned'; end if;
        if new.id = '${poisoned[1]}' then raise 'poisoned' using errcode = '55000'; end if;
        return new;
      end $$;
      create trigger refuse before update on sealog.audit_log for each row execute function refuse()`);
    await using replica = await startReplica(database.url, {
      ...HOUR,
      SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '48',
      SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLOG: 'false',
    });
    const first = outcomeOf(await replica.startup());
    const next = outcomeOf(await replica.activate());
    // The two oldest places of the batch are taken by others, so the limit is still reached.
    expect(first).toMatchObject({ timedOut: 48, limitReached: true });
    expect(first.skipped).toEqual(poisoned.map((id) => ({ id, reason: 'poisoned' })));
    expect(next).toMatchObject({ timedOut: 0, skipped: first.skipped });
    expect(replica.logger.withEvent('audit-timeout.activation').map(({ level }) => level)).toEqual(['warn', 'warn']);
  });

  test('takes others in place of more than a thousand entries that the database refuses', async () => {
    const ids = await insertEntries(
      database.pool,
      Array.from({ length: 1010 }, (_, index) => ({ startedMinutesAgo: 2000 - index })),
    );
    await database.pool.query(`
      create function refuse() returns trigger language plpgsql as $$
      begin
        if new.id <= '${ids.toSorted()[1004]}' then raise 'poisoned' using errcode = '55000'; end if;
        return new;
      end $$;
      create trigger refuse before update on sealog.audit_log for each row execute function refuse()`);
    const log = auditLogDatabase(database.pool, 'sealog');
    const outcome = await inTransaction(log, TIMINGS.transaction, async (transaction) =>
      // However long it takes here.
      timeoutEachStaleEntry(transaction, { cutoff: await readCutoff(log, 3600), limit: 1000, withinMs: Infinity }),
    );
    expect(outcome).toMatchObject({ timedOut: 5, limitReached: false });
    expect(outcome.skipped).toHaveLength(1000);
  });

  test('leaves out no entry that another table refers to', async () => {
    const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 90 }]);
    await database.pool.query('create table ticket (entry uuid references sealog.audit_log)');
    await using client = await connected(database.url);
    await client.query('begin');
    await client.query('insert into ticket values ($1)', [id]);
    await using replica = await startReplica(database.url, HOUR);
    expect(outcomeOf(await replica.startup())).toMatchObject({ timedOut: 1 });
  });

  test('a failed activation changes nothing, is logged once at error, and is tried again', async () => {
    await insertEntries(database.pool, [{ startedMinutesAgo: 90 }]);
    await database.pool.query('alter sequence sealog.audit_log_floor rename to gone');
    await using replica = await startReplica(database.url, HOUR);
    const failing = replica.activate();
    while (replica.logger.withEvent('audit-timeout.activation').length === 0) await new Promise(setImmediate);
    expect(replica.logger.withEvent('audit-timeout.activation')).toMatchObject([{ level: 'error' }]);
    expect(await resultsOf(database.pool)).toMatchObject([{ result_kind: null }]);
    await database.pool.query('alter sequence sealog.gone rename to audit_log_floor');
    // Done by the activation at start-up, which is tried again, or by the one that was asked for, whichever came first.
    expect(await failing).toMatchObject({ state: 'completed' });
    expect(await resultsOf(database.pool)).toMatchObject([{ result_kind: 'timeout' }]);
  });
});

function outcomeOf({ state, error, outcome }: RecordedActivation): AuditTimeoutOutcome {
  expect({ state, error }).toEqual({ state: 'completed', error: null });
  return outcome as unknown as AuditTimeoutOutcome;
}
