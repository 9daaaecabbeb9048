import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase({ template: false })));
afterEach(async () => await database[Symbol.asyncDispose]());

const run = promisify(execFile);

async function shell(command: string): Promise<string> {
  const script = command.replace('sealog', `'${process.execPath}' '${sealogCommand}'`);
  const { stderr } = await run('sh', ['-c', script], { env: { ...process.env, DATABASE_URL: database.url } });
  return stderr;
}

test('migrate does all that it does though nobody reads what it says', async () => {
  expect(await shell('(sealog migrate; echo "exit $?" >&2) | true')).toBe('exit 0\n');
  const { rows } = await database.pool.query(`select nspname from pg_namespace where nspname in ('sealog', 'pgboss')`);
  expect(rows).toHaveLength(2);
});

test('output that cannot be written for lack of space is an error, told once', async () => {
  const told = await shell('sealog grants > /dev/full; echo "exit $?" >&2');
  expect(told).toMatch(/^sealog: stdout: .*no space left on device.*\nexit 1\n$/);
});

test('a worker whose log cannot be written works, and stops when it is told to', async () => {
  await shell('sealog migrate > /dev/null');
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  const env = { ...process.env, DATABASE_URL: database.url, NODE_ENV: 'test' };
  const worker = spawn(process.execPath, [sealogCommand, 'worker'], {
    env,
    stdio: ['ignore', openSync('/dev/full', 'w'), 'ignore'],
  });
  const ended = once(worker, 'exit');
  try {
    await waitUntil('it has timed out the entry', async () => {
      const timedOut = `select from sealog.audit_log where result_kind = 'timeout'`;
      return (await database.pool.query(timedOut)).rowCount === 1;
    });
    worker.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  } finally {
    worker.kill('SIGKILL');
  }
});
