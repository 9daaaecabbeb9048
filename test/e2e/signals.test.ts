import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { sealogCommand } from '../support/command.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { spawnNode } from '../support/processes.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

/** Keeps every command that reads or writes anything waiting, in the middle of its work. */
async function holdEverything(): Promise<pg.Client & AsyncDisposable> {
  const hold = await connected(database.url);
  await hold.query('begin; lock table sealog.audit_log, pgboss.version, pgboss.queue, pgboss.job');
  return hold;
}

async function isWaiting(): Promise<boolean> {
  const { rows } = await database.pool.query(
    `select from pg_stat_activity
      where datname = current_database() and application_name like 'sealog %' and wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
}

test.each([
  ['migrate', 'SIGTERM', 143],
  ['activate', 'SIGINT', 130],
  ['status', 'SIGTERM', 143],
  ['status', 'SIGINT', 130],
] as const)('%s ends at %s, with %i', async (command, signal, code) => {
  await using hold = await holdEverything();
  await using run = await spawnNode([sealogCommand, command], { env: { DATABASE_URL: database.url } });
  await waitUntil(`${command} waits`, isWaiting);
  run.kill(signal);
  expect(await run.exited).toEqual({ code, signal: null });
  await hold.query('rollback');
});

test('a signal is handled before the commands are loaded', async () => {
  const hook = `
    import { registerHooks } from 'node:module';
    import { writeSync } from 'node:fs';
    const handlers = () => ['SIGTERM', 'SIGINT'].map((signal) => process.listenerCount(signal)).join(' ');
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier.endsWith('/run.ts')) writeSync(2, 'handlers: ' + handlers() + '\\n');
        return next(specifier, context);
      },
    });`;
  const preload = `data:text/javascript,${encodeURIComponent(hook)}`;
  await using run = await spawnNode(['--import', preload, sealogCommand, '--version']);
  expect(await run.exited).toEqual({ code: 0, signal: null });
  expect(run.stderr).toBe('handlers: 1 1\n');
});

const AS_PROCESS_1 = ['--pid', '--fork', '--kill-child'];
/** Needs a kernel and rights that allow it, as root has. Elsewhere the same is run as any other process. */
const canBeProcess1 = spawnSync('unshare', [...AS_PROCESS_1, 'true']).status === 0;

test('process 1 of a container ends at SIGTERM, though it has no default for it', async () => {
  await using hold = await holdEverything();
  const [command, ...args] = [...(canBeProcess1 ? ['unshare', ...AS_PROCESS_1] : []), process.execPath];
  const migrate = spawn(command, [...args, sealogCommand, 'migrate'], {
    env: { ...process.env, DATABASE_URL: database.url },
    stdio: 'ignore',
  });
  const ended = once(migrate, 'exit');
  try {
    await waitUntil('migrate waits', isWaiting);
    const children = await readFile(`/proc/${migrate.pid}/task/${migrate.pid}/children`, 'utf8').catch(() => '');
    process.kill(canBeProcess1 ? Number(children.trim()) : migrate.pid!, 'SIGTERM');
    expect(await ended).toEqual([143, null]);
  } finally {
    migrate.kill('SIGKILL');
    await ended;
  }
  await hold.query('rollback');
});
