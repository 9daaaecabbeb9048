import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { decodeCursor } from '../../src/audit-log/cursor.ts';
import type { Entry } from '../../src/index.ts';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let directory: string;
const at = (name: string) => join(directory, name);
beforeEach(async () => {
  database = await createDatabase();
  directory = await mkdtemp(join(tmpdir(), 'sealog-state-'));
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** `sealog list --format jsonl --state position … >> log.jsonl`; stdout may be something else than that file. */
function start(args: readonly string[], stdout: 'file' | 'pipe' = 'file'): ChildProcess {
  const fd = openSync(at('log.jsonl'), 'a');
  try {
    return spawn(process.execPath, [sealogCommand, 'list', '--format', 'jsonl', '--state', at('position'), ...args], {
      env: { ...process.env, DATABASE_URL: database.url },
      stdio: ['ignore', stdout === 'file' ? fd : 'pipe', 'pipe'],
    });
  } finally {
    closeSync(fd);
  }
}

async function run(...args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const child = start(args);
  let stderr = '';
  child.stderr!.on('data', (chunk) => (stderr += chunk));
  const [code] = await once(child, 'close');
  return { code, stderr };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function complete(entries: number): Promise<void> {
  await database.pool.query(
    `insert into sealog.audit_log (operation_id, actor_kind, details) select 'bulk', 'system', '{"a": "${'x'.repeat(300)}"}'
       from generate_series(1, $1)`,
    [entries],
  );
  await database.pool.query(`update sealog.audit_log set result_kind = 'success' where time_completed is null`);
}

const text = async (name: string): Promise<string> => await readFile(at(name), 'utf8').catch(() => '');

/** The entries of some output; a line that was torn by a kill is none. */
function entriesOf(lines: string): Entry[] {
  return lines.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Entry];
    } catch {
      return [];
    }
  });
}

/** Whether an entry is at or before the position of a cursor. */
function isBefore({ timeCompleted, id }: Pick<Entry, 'timeCompleted' | 'id'>, cursor: string): boolean {
  const position = decodeCursor(cursor).position!;
  return `${timeCompleted} ${id}` <= `${position.timeCompleted} ${position.id}`;
}

async function completed(): Promise<Pick<Entry, 'timeCompleted' | 'id'>[]> {
  const { rows } = await database.pool.query<Pick<Entry, 'timeCompleted' | 'id'>>(
    `select id, to_char(time_completed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "timeCompleted"
       from sealog.audit_log_complete order by time_completed, id`,
  );
  return rows;
}

test('a follower that is killed goes on where its file says: nothing is lost, and little comes again', async () => {
  for (let kills = 0; kills < 4; kills++) {
    const [before, from] = [await text('log.jsonl'), (await text('position')).trim()];
    const follower = start(['--follow']);
    try {
      await complete(700);
      await complete(900);
      const most = entriesOf(before).length + 300 + 400 * kills;
      await waitUntil('it has written', async () => entriesOf(await text('log.jsonl')).length >= most);
      // The others may be killed between an entry and its position.
      if (kills % 2 === 1) await waitUntil('it has a position', async () => (await text('position')).trim() !== from);
    } finally {
      await kill(follower);
    }
    const log = await text('log.jsonl');
    const [first] = entriesOf(log.slice(before.length));
    expect(from !== '' && isBefore(first!, from)).toBe(false);
    const reached = (await text('position')).trim();
    if (reached === '') continue;
    const written = new Set(entriesOf(log).map(({ id }) => id));
    const ought = (await completed()).filter((entry) => isBefore(entry, reached));
    expect(ought.filter(({ id }) => !written.has(id))).toEqual([]);
  }
  expect(await text('position')).not.toBe('');
  expect(await run()).toMatchObject({ code: 0 });
  // The first time that each came is in the order of the log.
  const ids = new Set(entriesOf(await text('log.jsonl')).map(({ id }) => id));
  expect([...ids]).toEqual((await completed()).map(({ id }) => id));
});

test('the file never says that something was written which was not', async () => {
  await complete(3000);
  // Nobody reads the pipe, which holds less than a page.
  const child = start([], 'pipe');
  try {
    await waitUntil('it waits for its reader', async () => {
      const { rowCount } = await database.pool.query(`select from pg_stat_activity
        where datname = current_database() and application_name like 'sealog %' and state = 'idle'
          and state_change < clock_timestamp() - interval '1 s'`);
      return rowCount === 1;
    });
  } finally {
    await kill(child);
  }
  expect(await text('position')).toBe('');
});

test('each run adds what has been completed since, on a line of its own', async () => {
  await complete(1200);
  expect(await run()).toMatchObject({ code: 0, stderr: expect.stringMatching(/^next: /) });
  await complete(2);
  // As a kill in the middle of a line leaves it.
  await writeFile(at('log.jsonl'), '{"id":"0197', { flag: 'a' });
  expect((await run()).code).toBe(0);
  const lines = (await text('log.jsonl')).split('\n');
  expect(lines).toHaveLength(1204);
  expect(lines[1200]).toBe('{"id":"0197');
  expect(entriesOf(lines.join('\n'))).toHaveLength(1202);
  // Nothing new, nothing added.
  expect((await run()).code).toBe(0);
  expect((await text('log.jsonl')).split('\n')).toHaveLength(1204);
  expect((await run('--limit', '1')).code).toBe(0);
});

test('a file that holds no cursor, or that of another listing, is refused', async () => {
  await writeFile(at('position'), '');
  expect(await run()).toEqual({
    code: 2,
    stderr: expect.stringContaining(`option '--state <file>': ${at('position')}: invalid cursor: `),
  });
  await rm(at('position'));
  expect((await run('--operation', 'a')).code).toBe(0);
  expect(await run('--operation', 'b')).toEqual({
    code: 2,
    stderr: expect.stringContaining(
      `option '--state <file>': invalid cursor: it belongs to a listing with operationId "a"`,
    ),
  });
  expect((await run()).code).toBe(0);
});
