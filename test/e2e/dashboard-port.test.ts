import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';

test('the dashboard tells a port that is taken in one line, and no password', async () => {
  await using database = await createDatabase();
  await using other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  await using dashboard = await spawnNode(['deploy/dashboard/dashboard.ts'], {
    env: { DATABASE_URL: database.url, PORT: String(port) },
  });
  expect(await dashboard.exited).toEqual({ code: 1, signal: null });
  expect(dashboard.stdout).toBe('');
  expect(dashboard.stderr).toBe(`dashboard: 127.0.0.1:${port} is in use: set PORT to a free one\n`);
});
