import { expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { connected } from '../support/connection.ts';
import { createDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';

const WATCH = [sealogCommand, 'status', '--watch', '1'];

test('status --watch goes on while the database is away, on one client, and ends with 0', async () => {
  await using database = await createDatabase();
  await using proxy = await startProxy(database.url);
  await proxy.cut();
  await using watch = await spawnNode(WATCH, { env: { DATABASE_URL: proxy.url } });
  await watch.waitForLine((line) => line.startsWith('audit log: unknown, it cannot be read: connect ECONNREFUSED'));
  expect(watch.stdout).not.toContain('last activations');

  await proxy.mend();
  await watch.waitForLine((line) => line.startsWith('audit log: no replica is alive'));
  await proxy.cut();
  const sofar = watch.lines().length;
  const later = (start: string) => (line: string) => line.startsWith(start) && watch.lines().lastIndexOf(line) >= sofar;
  await watch.waitForLine(later('audit log: unknown'));
  await proxy.mend();
  const gone = watch.lines().length;
  await watch.waitForLine((line) => line.startsWith('audit log: no') && watch.lines().lastIndexOf(line) >= gone);

  // It has the few connections that one reading takes, however many there were; the server takes a moment to notice that
  // the others are gone.
  await waitUntil('it has two connections at most', async () => {
    const { rows } = await database.pool.query(
      `select from pg_stat_activity where datname = current_database() and application_name like 'sealog %'`,
    );
    return rows.length <= 2;
  });
  watch.kill('SIGTERM');
  expect(await watch.exited).toEqual({ code: 0, signal: null });
});

test('status --watch --json is a line each time', async () => {
  await using database = await createDatabase();
  await using watch = await spawnNode([...WATCH, '--json'], { env: { DATABASE_URL: database.url } });
  let lines = 0;
  await watch.waitForLine((line) => line.startsWith('{') && ++lines === 2);
  watch.kill('SIGINT');
  expect(await watch.exited).toEqual({ code: 0, signal: null });
  for (const line of watch.stdout.trimEnd().split('\n')) {
    expect(JSON.parse(line)).toMatchObject({ job: 'audit-timeout', whole: false });
  }
});

test('status names what is wrong when the database ends its session, or refuses one', async () => {
  await using database = await createDatabase();
  await using hold = await connected(database.url);
  await hold.query('begin; lock table pgboss.version');
  await using status = await spawnNode([sealogCommand, 'status'], { env: { DATABASE_URL: database.url } });
  await waitUntil('status waits, and is ended', async () => {
    const { rows } = await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name like 'sealog %' and wait_event_type = 'Lock'`,
    );
    return rows.length > 0;
  });
  expect(await status.exited).toEqual({ code: 1, signal: null });
  expect(status.stderr).toBe(
    'sealog: the database cannot be reached: terminating connection due to administrator command\n',
  );
});
