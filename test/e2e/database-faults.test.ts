import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { logLines } from '../support/faults/log-lines.ts';
import { queueActivation, untilCompleted } from '../support/faults/queue-activation.ts';
import { startService, waitForBegin } from '../support/faults/services.ts';
import { startProxy } from '../support/tcp-proxy.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

test('a PostgreSQL that is killed takes no replica along, and services go on within 5 s of its return', async () => {
  await using cluster = await startFaultCluster();
  await using fleet = openFleet({ url: cluster.url });
  await Promise.all(['one', 'two'].map(async (name) => await fleet.ready(await fleet.start(name))));
  await using service = await startService({ url: cluster.url, name: 'service', seed: 1 });
  for (let round = 0; round < 2; round++) {
    await cluster.killImmediately();
    const back = Date.now();
    expect((await waitForBegin([service], back)) - back).toBeLessThan(5000);
  }
  await untilCompleted(cluster.pool, await queueActivation(cluster.pool));
  expect(fleet.died).toEqual([]);
  for (const { process: child } of fleet.replicas) expect(child.stderr).toBe('');
});

describe('a replica whose connections are half-open', () => {
  test('is replaced by another, and goes on when the network is back', async () => {
    await using proxy = await startProxy(database.url);
    await using fleet = openFleet({ url: database.url });
    await fleet.ready(await fleet.start('whole'));
    const lost = await fleet.ready(await fleet.start('lost', { url: proxy.url }));
    proxy.halfOpen();
    await untilCompleted(database.pool, await queueActivation(database.pool), 30_000);
    await proxy.mend();
    await fleet.kill(fleet.replicas.find(({ name }) => name === 'whole')!);
    // It has four connections, and finds out about each that it is dead by an answer that does not come in 15 s.
    await untilCompleted(database.pool, await queueActivation(database.pool), 240_000);
    expect(lost.events('queue.error').length).toBeLessThan(20);
    expect(fleet.died).toEqual([]);
  }, 300_000);
});

test('a replica before a frozen database exits with 1 at the end of its grace', async () => {
  await using proxy = await startProxy(database.url);
  await using fleet = openFleet({ url: proxy.url });
  const replica = await fleet.ready(await fleet.start('one', { env: { SEALOG_SHUTDOWN_GRACE_SECONDS: '3' } }));
  await replica.process.waitForEvent('audit-timeout.activation');
  proxy.freeze();
  const told = performance.now();
  expect(await fleet.terminate(replica)).toEqual({ code: 1, signal: null });
  expect(performance.now() - told).toBeLessThan(4500);
  expect(replica.events('worker.shutdown-overdue')).toMatchObject([{ level: 50, graceSeconds: 3 }]);
});

test('a replica that finds its database frozen while it starts exits at the end of its grace too', async () => {
  await using proxy = await startProxy(database.url);
  proxy.freeze();
  await using fleet = openFleet({ url: proxy.url });
  const replica = await fleet.start('one', { env: { SEALOG_SHUTDOWN_GRACE_SECONDS: '2' } });
  await replica.process.waitForEvent('database.waiting', 30_000);
  const told = performance.now();
  const { code } = await fleet.terminate(replica);
  expect(performance.now() - told).toBeLessThan(4000);
  expect(code).not.toBeNull();
});

test('an outage is a few lines a minute in the log, and not one a poll', async () => {
  await using proxy = await startProxy(database.url);
  await using fleet = openFleet({ url: proxy.url });
  const replica = await fleet.ready(await fleet.start('one'));
  await replica.process.waitForEvent('audit-timeout.activation');
  const before = logLines(replica.process).length;
  await proxy.cut();
  await replica.process.waitForEvent('queue.error');
  // As many polls as there are in 20 s, of two queues.
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const told = logLines(replica.process).slice(before);
  expect(told.length).toBeLessThan(12);
  expect(fleet.died).toEqual([]);
});
