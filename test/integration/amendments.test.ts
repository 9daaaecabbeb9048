import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type AuditLog, type Completion, createAuditLog } from '../../src/index.ts';
import { replaceClock } from '../support/clock.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { entriesAsText } from '../support/entries.ts';

let database: TestDatabase;
let auditLog: AuditLog;
beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
});
afterEach(async () => await database[Symbol.asyncDispose]());

describe('an outcome that comes after the timeout', () => {
  async function timedOutEntry(): Promise<string> {
    const begun = await auditLog.begin({
      operationId: 'disk_create',
      actor: { kind: 'user', id: 'u1' },
      tenantId: 't1',
      resource: { type: 'disk', id: 'd1' },
      details: { size: 10 },
    });
    await database.pool.query(`update sealog.audit_log set result_kind = 'timeout' where id = $1`, [begun.id]);
    return begun.id;
  }

  test('is kept as an amendment, found with its entry, which stays as it was', async () => {
    const id = await timedOutEntry();
    const standing = await entriesAsText(database.pool, [id]);
    expect(await auditLog.find(id)).toMatchObject({ entry: { id, result: { kind: 'unknown' } }, amendment: null });
    const result = await auditLog.complete(id, { kind: 'success', httpStatusCode: 201 });
    const { entries } = await auditLog.list();
    const [entry, amendment] = entries;
    expect(result).toEqual({ status: 'amended', amendmentId: amendment!.id });
    expect(await auditLog.find(id)).toEqual({ entry, amendment });
    expect(amendment).toEqual({
      ...entry,
      id: amendment!.id,
      timeCompleted: amendment!.timeCompleted,
      result: { kind: 'success', httpStatusCode: 201 },
      amends: id,
    });
    expect(entries).toHaveLength(2);
    expect(await entriesAsText(database.pool, [id])).toEqual(standing);
  });

  test('replaces the resource as a whole, or leaves it', async () => {
    const amendmentOf = async (completion: Completion) => {
      const id = await timedOutEntry();
      await auditLog.complete(id, completion);
      return (await auditLog.find(id))?.amendment;
    };
    expect(await amendmentOf({ kind: 'success' })).toMatchObject({ resource: { type: 'disk', id: 'd1' } });
    const other = await amendmentOf({ kind: 'success', resource: { type: 'project' } });
    expect(other?.resource).toEqual({ type: 'project' });
  });

  test('comes behind what it amends, also when the clock has been set back', async () => {
    await replaceClock(database.pool, `clock_timestamp() + interval '1 hour'`);
    const id = await timedOutEntry();
    await replaceClock(database.pool, 'clock_timestamp()');
    await auditLog.complete(id, { kind: 'success' });
    const { entry, amendment } = (await auditLog.find(id))!;
    expect(amendment!.timeCompleted > entry.timeCompleted).toBe(true);
  });

  test('is kept once, whether it comes twice or ten times at once', async () => {
    const id = await timedOutEntry();
    const standing = await entriesAsText(database.pool, [id]);
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, n) => auditLog.complete(id, { kind: 'error', message: `attempt ${n}` })),
    );
    results.push(await auditLog.complete(id, { kind: 'success' }));
    expect(results.map(({ status }) => status).toSorted()).toEqual([
      ...Array.from({ length: 10 }, () => 'already-completed'),
      'amended',
    ]);
    expect(results.at(-1)).toMatchObject({ status: 'already-completed', result: 'timeout' });
    expect((await auditLog.list()).entries).toHaveLength(2);
    expect(await entriesAsText(database.pool, [id])).toEqual(standing);
  });
});
