import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuditLog, type NewEntry } from '../../src/index.ts';
import { runningCalls } from '../../src/running-calls.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(() => database[Symbol.asyncDispose]());

const minimal: NewEntry = { operationId: 'disk_create', actor: { kind: 'system' } };

test.each(['of a pool of its own', 'with a pool of the service'])(
  'disposing waits for what is running, %s',
  async (whose) => {
    const logger = recordingLogger();
    const own = whose === 'of a pool of its own';
    const log = createAuditLog({ ...(own ? { connectionString: database.url } : { pool: database.pool }), logger });
    const ids: string[] = [];
    const records = Array.from({ length: 50 }, () => log.record(minimal, async ({ id }) => void ids.push(id)));
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const slow = log.record(minimal, async ({ id }) => {
      ids.push(id);
      await mayEnd;
    });
    await waitUntil('all have begun', async () => ids.length === 51);
    const disposing = log[Symbol.asyncDispose]();
    end();
    await disposing;
    const { rows } = await database.pool.query(
      `select count(*)::int from sealog.audit_log where id = any($1) and result_kind = 'success'`,
      [ids],
    );
    expect(rows).toEqual([{ count: 51 }]);
    expect(logger.lines).toEqual([]);
    await Promise.all([...records, slow]);
  },
);

test('disposing may be done twice, at once and afterwards', async () => {
  const log = createAuditLog({ connectionString: database.url });
  await log.begin(minimal);
  await expect(Promise.all([log[Symbol.asyncDispose](), log[Symbol.asyncDispose]()])).resolves.toBeDefined();
  await expect(log[Symbol.asyncDispose]()).resolves.toBeUndefined();
});

test('what never ends is waited for no longer than is told', async () => {
  const calls = runningCalls();
  void calls.track(new Promise(() => {}));
  await expect(calls.ended(20)).resolves.toBeUndefined();
});
