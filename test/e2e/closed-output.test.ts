import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createAuditLog } from '../../src/index.ts';
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

test('an export to a disk that is full ends with 1, saves no position, and continues where it was when there is room', async () => {
  await shell('sealog migrate > /dev/null');
  const auditLog = createAuditLog({ pool: database.pool });
  for (let n = 0; n < 40; n++) {
    await auditLog.record(
      { operationId: 'full', actor: { kind: 'system' }, details: { text: 'x'.repeat(1000) } },
      () => {},
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'sealog-full-'));
  const [file, position] = [join(folder, 'log.jsonl'), join(folder, 'position')];
  const command = `sealog list --format jsonl --state '${position}' >> '${file}'`;
  // A file may have twenty blocks: the write that reaches that is cut short, and the next one fails.
  await expect(shell(`unset NODE_COMPILE_CACHE; ulimit -f 20; ${command}`)).rejects.toMatchObject({ code: 1 });
  await shell(command);
  // The line that was cut is followed by all of them, itself included.
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  expect(
    new Set(lines.filter((line) => line.endsWith('}')).map((line) => (JSON.parse(line) as { id: string }).id)).size,
  ).toBe(40);
  await rm(folder, { recursive: true });
});
