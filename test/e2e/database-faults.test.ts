import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { FAST_WORKER, hurry } from '../support/fast-time.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { logLines } from '../support/faults/log-lines.ts';
import { queueActivation, untilCompleted } from '../support/faults/queue-activation.ts';
import { startService, waitForBegin } from '../support/faults/services.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

test('a PostgreSQL that is killed takes no replica along, and services begin entries again when it is back', async () => {
  await using cluster = await startFaultCluster();
  await using fleet = openFleet({ url: cluster.url });
  await Promise.all(['one', 'two'].map(async (name) => await fleet.ready(await fleet.start(name))));
  await using service = await startService({ url: cluster.url, name: 'service', seed: 1 });
  for (let round = 0; round < 2; round++) {
    await cluster.killImmediately();
    await waitForBegin([service], Date.now(), PATIENCE_MS);
  }
  await untilCompleted(cluster.pool, await queueActivation(cluster.pool));
  expect(fleet.died).toEqual([]);
  for (const { process: child } of fleet.replicas) expect(child.stderr).toBe('');
});

test('a replica whose connections are half-open is replaced by another, and works again when the network is back', async () => {
  await hurry(database.pool);
  await using proxy = await startProxy(database.url);
  await using fleet = openFleet({ url: database.url, executable: FAST_WORKER });
  await fleet.ready(await fleet.start('whole'));
  const lost = await fleet.ready(await fleet.start('lost', { url: proxy.url }));
  proxy.halfOpen();
  await untilCompleted(database.pool, await queueActivation(database.pool));
  await proxy.mend();
  await fleet.kill(fleet.replicas.find(({ name }) => name === 'whole')!);
  // It has four connections, and finds out about each that it is dead by an answer that does not come.
  await untilCompleted(database.pool, await queueActivation(database.pool));
  expect(lost.events('queue.error').length).toBeLessThan(20);
  expect(fleet.died).toEqual([]);
});

test('a replica before a frozen database exits with 1 at the end of its grace', async () => {
  await using proxy = await startProxy(database.url);
  await using fleet = openFleet({ url: proxy.url });
  const replica = await fleet.ready(await fleet.start('one', { env: { SEALOG_SHUTDOWN_GRACE_SECONDS: '1' } }));
  await replica.process.waitForEvent('audit-timeout.activation');
  proxy.freeze();
  expect(await fleet.terminate(replica)).toEqual({ code: 1, signal: null });
  expect(replica.events('worker.shutdown-overdue')).toMatchObject([{ level: 50, graceSeconds: 1 }]);
});

test('a replica that finds its database frozen while it starts exits at the end of its grace too', async () => {
  await using proxy = await startProxy(database.url);
  proxy.freeze();
  await using fleet = openFleet({ url: proxy.url });
  const replica = await fleet.start('one', { env: { SEALOG_SHUTDOWN_GRACE_SECONDS: '1' } });
  await replica.process.waitForEvent('database.waiting');
  const { code } = await fleet.terminate(replica);
  expect(code).not.toBeNull();
});

test('an outage is a few lines a minute in the log, and not one a poll', async () => {
  await using proxy = await startProxy(database.url);
  await using fleet = openFleet({ url: proxy.url, executable: FAST_WORKER });
  const replica = await fleet.ready(await fleet.start('one'));
  await replica.process.waitForEvent('audit-timeout.activation');
  const before = logLines(replica.process).length;
  proxy.turnAway();
  await waitUntil('a hundred attempts to connect have failed', () => proxy.turnedAway >= 100);
  const told = logLines(replica.process).slice(before);
  expect(told.length).toBeLessThan(20);
  expect(fleet.died).toEqual([]);
});
