import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { createDatabase } from '../support/database.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { spawnNode } from '../support/processes.ts';

test('replicas and migrations that start at once on an empty database all succeed', async () => {
  await using database = await createDatabase({ template: false });
  await using stack = new AsyncDisposableStack();
  await using fleet = openFleet({ url: database.url });
  const numbers = [1, 2, 3, 4];
  const replicas = Promise.all(numbers.map(async (n) => await fleet.ready(await fleet.start(`replica-${n}`))));
  const env = { DATABASE_URL: database.url };
  const migrations = numbers.map(async () => {
    const migration = stack.use(await spawnNode([sealogCommand, 'migrate'], { env }));
    const { code } = await migration.exited;
    return { code, stderr: migration.stderr };
  });
  expect(await Promise.all(migrations)).toEqual(numbers.map(() => ({ code: 0, stderr: '' })));
  expect(await replicas).toHaveLength(4);
  expect(fleet.died).toEqual([]);
  const exits = await Promise.all(fleet.replicas.map(async (replica) => await fleet.terminate(replica)));
  expect(exits).toEqual(numbers.map(() => ({ code: 0, signal: null })));
});

test('a replica that is told to stop while it starts stops, whenever that is', async () => {
  await using database = await createDatabase();
  await using fleet = openFleet({ url: database.url, env: { SEALOG_SHUTDOWN_GRACE_SECONDS: '6' } });
  for (const afterMs of [0, 30, 80, 150]) {
    const replica = await fleet.start(`after-${afterMs}`);
    await replica.process.waitForEvent('http.started');
    await delay(afterMs);
    expect(await fleet.terminate(replica)).toEqual({ code: 0, signal: null });
    expect(replica.events('worker.shutdown-overdue')).toEqual([]);
  }
});
