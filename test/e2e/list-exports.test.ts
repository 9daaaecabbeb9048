import { expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { parseCsv } from '../support/parse-csv.ts';
import { spawnNode } from '../support/processes.ts';

const NUMBERS = '{"b": 9007199254740993, "a": [1.10, 0.10000000000000000000001]}';
/** As jsonb prints it: with its own order of keys. */
const PRINTED = '{"a": [1.10, 0.10000000000000000000001], "b": 9007199254740993}';
const DEEP = `${'['.repeat(2000)}${']'.repeat(2000)}`;

async function list(database: TestDatabase, ...args: readonly string[]): Promise<string> {
  await using child = await spawnNode([sealogCommand, 'list', ...args], { env: { DATABASE_URL: database.url } });
  expect(await child.exited).toEqual({ code: 0, signal: null });
  return child.stdout;
}

async function insertCompleted(database: TestDatabase, details: string, entries = 1): Promise<void> {
  await database.pool.query(
    `insert into sealog.audit_log (operation_id, actor_kind, details, user_agent)
     select 'by_sql', 'system', $1, ' =1+1' from generate_series(1, $2)`,
    [details, entries],
  );
  await database.pool.query(`update sealog.audit_log set result_kind = 'success' where time_completed is null`);
}

test('details are exported as the database has them, in CSV and in JSON lines', async () => {
  await using database = await createDatabase();
  for (const details of [NUMBERS, DEEP]) await insertCompleted(database, details);
  const lines = (await list(database, '--format', 'jsonl')).split('\n');
  expect(lines[0]).toContain(`"details":${PRINTED},`);
  expect(lines[1]).toContain(`"details":${DEEP},`);
  const [header, ...rows] = parseCsv(await list(database, '--format', 'csv'));
  expect(rows.map((row) => row[header!.indexOf('details')])).toEqual([PRINTED, DEEP]);
  // A table shows no details, and none are in its way.
  expect((await list(database)).split('\n')).toHaveLength(4);
});

test('CSV for Excel begins with a byte-order mark, has its times, and marks what it would run', async () => {
  await using database = await createDatabase();
  // More than a page.
  await insertCompleted(database, '{}', 1001);
  const stdout = await list(database, '--format', 'csv', '--excel');
  expect(stdout.startsWith('\ufeffid,timeStarted,')).toBe(true);
  expect(stdout.match(/\ufeff/g)).toHaveLength(1);
  const [header, ...rows] = parseCsv(stdout.slice(1));
  expect(rows).toHaveLength(1001);
  const cells = Object.fromEntries(header!.map((name, column) => [name, rows[1000]![column]]));
  expect(cells).toMatchObject({
    timeCompleted: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    userAgent: "' =1+1",
    details: '{}',
  });
});
