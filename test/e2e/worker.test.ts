import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { FAST_WORKER, hurry, queueNow } from '../support/fast-time.ts';
import { holdTable } from '../support/faults/table-hold.ts';
import { insertEntries, resultsOf } from '../support/entries.ts';
import { quietSchedule } from '../support/quiet-schedule.ts';
import { type NodeProcess, spawnNode } from '../support/processes.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

/** One replica of the real executable. */
function worker(environment: Readonly<Record<string, string>> = {}, executable = sealogCommand): Promise<NodeProcess> {
  const env = {
    DATABASE_URL: database.url,
    NODE_ENV: 'test',
    SEALOG_LOG_LEVEL: 'debug',
    SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule(),
    ...environment,
  };
  return spawnNode([executable, 'worker'], { env });
}

/** The same, for which time passes faster, as it does for pg-boss in the database. */
async function fastWorker(environment: Readonly<Record<string, string>> = {}): Promise<NodeProcess> {
  return await worker(environment, FAST_WORKER);
}

async function activations(where = 'true'): Promise<{ state: string; output: Record<string, unknown> }[]> {
  const { rows } = await database.pool.query(
    `select state, output from pgboss.job
      where name = 'audit-timeout' and ${where} order by created_on`,
  );
  return rows;
}

describe('a fleet', () => {
  test('of three replicas runs one activation a slot, and the job table says which replica ran it', async () => {
    await hurry(database.pool);
    const started = await queueNow(database.pool);
    const schedule = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *' };
    await using stack = new AsyncDisposableStack();
    const names = ['replica-1', 'replica-2', 'replica-3'];
    const replicas = await Promise.all(names.map((name) => fastWorker({ ...schedule, SEALOG_INSTANCE_NAME: name })));
    for (const replica of replicas) stack.use(replica);
    await Promise.all(replicas.map((replica) => replica.waitForEvent('worker.started')));
    const scheduled = () => activations(`data->>'trigger' = 'schedule' and state = 'completed'`);
    await waitUntil('activations of three slots', async () => (await scheduled()).length >= 3);

    const ran = await scheduled();
    const slots = Math.floor((await queueNow(database.pool)) / 60_000) - Math.floor(started / 60_000) + 1;
    expect(ran.length).toBeLessThanOrEqual(slots);
    for (const { output } of ran) {
      expect(output).toMatchObject({ trigger: 'schedule', timedOut: 0 });
      expect(names).toContain(output['by']);
    }
  });

  test('completes what a replica left when it was killed in the middle of an activation', async () => {
    await hurry(database.pool);
    const [id] = await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
    await using blocker = await holdTable(database.url);
    await using first = await fastWorker({ SEALOG_INSTANCE_NAME: 'replica-1' });
    await waitUntil('the activation waits for the lock', () => blocker.isWaitedFor());
    await using second = await fastWorker({ SEALOG_INSTANCE_NAME: 'replica-2' });
    await second.waitForEvent('worker.started');
    first.kill('SIGKILL');
    await first.exited;
    await blocker.release();

    const line = await second.waitForEvent('audit-timeout.activation');
    expect(line).toMatchObject({ level: 40, by: 'replica-2', timedOut: 1, sampleIds: [id] });
    expect(await resultsOf(database.pool)).toMatchObject([{ id, result_kind: 'timeout' }]);
    const effective = await activations(`(output->>'timedOut')::int > 0`);
    expect(effective).toMatchObject([{ state: 'completed', output: { by: 'replica-2', timedOut: 1 } }]);
  });
});

describe('a worker that is told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s finishes the activation in flight and exits with 0',
    async (signal) => {
      await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
      await using blocker = await holdTable(database.url);
      await using replica = await worker();
      await waitUntil('the activation waits for the lock', () => blocker.isWaitedFor());
      replica.kill(signal);
      expect(await replica.waitForEvent('worker.stopping')).toMatchObject({ signal });
      await blocker.release();
      expect(await replica.exited).toEqual({ code: 0, signal: null });
      expect(await replica.waitForEvent('audit-timeout.activation')).toMatchObject({ timedOut: 1 });
      expect(replica.lines().at(-1)).toContain('worker.stopped');
    },
  );

  test('twice exits at once', async () => {
    await using blocker = await holdTable(database.url);
    await using replica = await worker({ SEALOG_SHUTDOWN_GRACE_SECONDS: '600' });
    await waitUntil('the activation waits for the lock', () => blocker.isWaitedFor());
    replica.kill('SIGTERM');
    await replica.waitForEvent('worker.stopping');
    replica.kill('SIGINT');
    expect(await replica.exited).toEqual({ code: 130, signal: null });
  });

  test('exits with 1 when the grace is over and the database does not answer', async () => {
    await using blocker = await holdTable(database.url);
    await using replica = await worker({ SEALOG_SHUTDOWN_GRACE_SECONDS: '1' });
    await waitUntil('the activation waits for the lock', () => blocker.isWaitedFor());
    replica.kill('SIGTERM');
    expect(await replica.exited).toEqual({ code: 1, signal: null });
    expect(await replica.waitForEvent('worker.shutdown-overdue')).toMatchObject({ level: 50, graceSeconds: 1 });
  });

  test('while it waits for its database exits with 0', async () => {
    await using replica = await worker({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    await replica.waitForEvent('database.waiting');
    replica.kill('SIGTERM');
    expect(await replica.exited).toEqual({ code: 0, signal: null });
  });
});

describe('a worker whose database is away', () => {
  test('says so in one line an attempt, without a stack, and starts when it comes', async () => {
    await using proxy = await startProxy(database.url);
    await proxy.cut();
    await using replica = await worker({ DATABASE_URL: proxy.url });
    const line = await replica.waitForEvent('database.waiting');
    expect(line).toMatchObject({ level: 40, attempt: 1, reason: expect.stringContaining('ECONNREFUSED') });
    await proxy.mend();
    await replica.waitForEvent('worker.started');
    expect(replica.stderr).toBe('');
    expect(replica.stdout).not.toContain('    at ');
  });

  test('survives losing it, and goes on when it is back', async () => {
    await using proxy = await startProxy(database.url);
    await using replica = await worker({ DATABASE_URL: proxy.url });
    await replica.waitForEvent('audit-timeout.activation');
    await proxy.cut();
    await replica.waitForEvent('queue.error');
    await proxy.mend();
    await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
    await using activate = await spawnNode([sealogCommand, 'activate'], { env: { DATABASE_URL: database.url } });
    expect(await activate.exited).toEqual({ code: 0, signal: null });
    expect(JSON.parse(activate.stdout)).toMatchObject({ job: 'audit-timeout', state: 'completed', timedOut: 1 });
  });
});
