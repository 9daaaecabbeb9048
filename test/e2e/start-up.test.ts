import { expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import type { Pool } from 'pg';
import { connected } from '../support/connection.ts';
import { createDatabase } from '../support/database.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { spawnNode } from '../support/processes.ts';
import { waitUntil } from '../support/wait.ts';

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
    // One whose turn is long in coming says who has it.
    const told = migration.stderr.split('\n').filter((line) => !line.includes('"event":"migration.blocked"'));
    return { code, stderr: told.join('\n') };
  });
  expect(await Promise.all(migrations)).toEqual(numbers.map(() => ({ code: 0, stderr: '' })));
  expect(await replicas).toHaveLength(4);
  expect(fleet.died).toEqual([]);
  const exits = await Promise.all(fleet.replicas.map(async (replica) => await fleet.terminate(replica)));
  expect(exits).toEqual(numbers.map(() => ({ code: 0, signal: null })));
});

/** What each step of a start reads or writes first, so that a start can be held there. */
const STEPS = [
  'sealog.migration',
  'pgboss.version',
  'pgboss.instance',
  'pgboss.queue',
  'sealog.replica',
  'pgboss.schedule',
];

test.each(['when it answers HTTP', ...STEPS])(
  'a replica that is told to stop while it starts stops: %s',
  async (step) => {
    await using database = await createDatabase();
    await using fleet = openFleet({ url: database.url, env: { SEALOG_SHUTDOWN_GRACE_SECONDS: '60' } });
    await using hold = await connected(database.url);
    await hold.query('begin');
    if (STEPS.includes(step)) await hold.query(`lock table ${step}`);
    const replica = await fleet.start('replica');
    await replica.process.waitForEvent('http.started');
    if (STEPS.includes(step)) await waitUntil(`it has come to ${step}`, () => isWaitedFor(database.pool));
    const ended = fleet.terminate(replica);
    await replica.process.waitForEvent('worker.stopping');
    await hold.query('rollback');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(replica.events('worker.shutdown-overdue')).toEqual([]);
  },
);

async function isWaitedFor(pool: Pool): Promise<boolean> {
  const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return (await pool.query(waiting)).rowCount !== 0;
}
