import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { type AuditLog, createAuditLog, type Entry } from '../../src/index.ts';
import { sealogCommand } from '../support/command.ts';
import { replaceClock } from '../support/clock.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { parseCsv } from '../support/parse-csv.ts';
import { type NodeProcess, spawnNode } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { PATIENCE_MS } from '../support/wait.ts';

/** More than one page of the command. */
const ENTRIES = 2500;

let database: TestDatabase;
let auditLog: AuditLog;
let entries: readonly Entry[];
beforeAll(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ pool: database.pool });
  await insertCompleted(ENTRIES - 4, 'bulk');
  await auditLog.record({ operationId: 'disk_create', actor: { kind: 'user', id: 'u1' }, tenantId: 't1' }, () => {});
  // What breaks a careless CSV, a spreadsheet and a terminal.
  const { id: awkward } = await auditLog.begin({
    operationId: 'disk_delete',
    actor: { kind: 'service', id: '=HYPERLINK("http://evil.example";"click")' },
    requestId: '',
    requestUri: 'a,b "c"\r\nd',
    userAgent: '-1+1',
    resource: { type: 'disk', id: 'red \u001b[31m\u202e' },
    details: { text: 'a,"b"\n', list: [1, null] },
  });
  await auditLog.complete(awkward, { kind: 'error', httpStatusCode: 403, code: 'Forbidden', message: '@no\n=way' });
  const { id: lost } = await auditLog.begin({ operationId: 'disk_delete', actor: { kind: 'anonymous' } });
  await database.pool.query(`update sealog.audit_log set result_kind = 'timeout' where id = $1`, [lost]);
  await auditLog.complete(lost, { kind: 'success', httpStatusCode: 204 });
  entries = (await auditLog.list({ limit: 10_000 })).entries;
});
afterAll(async () => await database[Symbol.asyncDispose]());

async function insertCompleted(count: number, operationId: string): Promise<void> {
  await database.pool.query(
    `insert into sealog.audit_log (operation_id, actor_kind) select $2, 'system' from generate_series(1, $1)`,
    [count, operationId],
  );
  await database.pool.query(`update sealog.audit_log set result_kind = 'success' where time_completed is null`);
}

async function start(args: readonly string[]): Promise<NodeProcess> {
  return await spawnNode([sealogCommand, 'list', ...args], { env: { DATABASE_URL: database.url } });
}

async function list(...args: readonly string[]) {
  const listed = await runCommand(['list', ...args], { DATABASE_URL: database.url });
  return { ...listed, next: nextOf(listed.stderr) };
}

/** The cursor in the last line of stderr. */
function nextOf(stderr: string): string {
  return /^next: ([\w-]+) horizon: \S+Z settled: (?:true|false)\n$/m.exec(stderr)?.[1] ?? '';
}

function parseLines(stdout: string): Entry[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Entry);
}

const idsOf = (listed: readonly Entry[]) => listed.map(({ id }) => id);

describe('formats', () => {
  test('JSON lines are the entries of the library, all of them, and stderr says where they end', async () => {
    await using child = await start(['--format', 'jsonl']);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    const { stdout, stderr } = child;
    expect(parseLines(stdout)).toEqual(entries);
    // Within this process it says the same, as the tests below rely on.
    expect((await list('--format', 'jsonl')).stdout).toBe(stdout);
    // A file gets what the log has; a terminal would get escapes.
    expect(stdout).toContain('red \\u001b[31m\u202e');
    expect(stderr).toMatch(/^next: [\w-]+ horizon: \d{4}-\d\d-\d\dT[\d:]+\.\d{6}Z settled: false\n$/);
  });

  test('CSV gives every value back unchanged, and tells nothing from empty text', async () => {
    const { code, stdout } = await list('--format', 'csv');
    expect(code).toBe(0);
    // Outside of quotes every line break is CR LF.
    expect(/(?<!\r)\n|\r(?!\n)/.test(stdout.replaceAll(/"(?:[^"]|"")*"/g, ''))).toBe(false);
    const [header, ...rows] = parseCsv(stdout);
    expect(header!.join()).toBe(
      'id,timeStarted,timeCompleted,operationId,actorKind,actorId,tenantId,authMethod,credentialId,requestId,' +
        'requestUri,sourceIp,userAgent,resourceType,resourceId,details,instanceId,resultKind,httpStatusCode,' +
        'errorCode,errorMessage,amends',
    );
    expect(rows.map((row) => entryOf(header as string[], row))).toEqual(entries);
  });

  test('CSV for a spreadsheet marks what it would run, when asked to', async () => {
    const args = ['--format', 'csv', '--operation', 'disk_delete', '--result', 'error', '--escape-formulas'];
    const [header, row] = parseCsv((await list(...args)).stdout);
    const cells = Object.fromEntries(header!.map((name, column) => [name, row![column]]));
    expect(cells).toMatchObject({
      actorId: `'=HYPERLINK("http://evil.example";"click")`,
      userAgent: `'-1+1`,
      errorMessage: `'@no\n'=way`,
      requestUri: 'a,b "c"\r\nd',
    });
  });

  test('a table is for people: it is aligned, ends at 100, and lets no entry steer the terminal', async () => {
    const first = await list('--order', 'asc');
    const lines = first.stdout.split('\n');
    expect(lines).toHaveLength(102);
    expect(lines[0]).toMatch(/^completed {20}result {3}operation {2}actor {3}tenant {2}resource {2}id$/);
    expect(lines[1]).toBe(
      `${entries[0]!.timeCompleted}  success  bulk       system  -       -         ${entries[0]!.id}`,
    );
    // No cursor: it would be longer than what it is about.
    expect(first.stderr).toBe('100 entries; there may be more: --limit\n');
    const newest = await list('--limit', '3');
    const shown = newest.stdout.split('\n').slice(1, -1);
    expect(shown.map((line) => /[0-9a-f-]{36}/.exec(line)![0])).toEqual(idsOf(entries).slice(-3).toReversed());
    expect(newest.stderr).toBe('3 entries; there may be more: a higher --limit\n');

    const { stdout, stderr } = await list('--operation', 'disk_delete', '--to', '2126-01-01');
    expect(stdout).toContain('error 403 Forbidden');
    expect(stdout).toContain(String.raw`disk red \u{1b}[31m\u{202e}`);
    expect(stdout).toContain(`amends ${entries.at(-2)!.id}`);
    expect(stdout).not.toMatch(/[^\P{C}\n]/u);
    expect(stderr).toBe('3 entries; the range is not settled: it may still get more\n');
    const past = await list('--from', '2020-01-01', '--to', '2021-01-01T00:00:00Z');
    expect(past.stdout.split('\n')).toHaveLength(2);
    expect(past.stderr).toBe('0 entries; the range is settled: it will never hold more\n');
  });
});

describe('what is listed', () => {
  test.each([
    [['--operation', 'disk_create'], (entry: Entry) => entry.operationId === 'disk_create'],
    [['--actor', 'u1', '--tenant', 't1'], (entry: Entry) => entry.tenantId === 't1'],
    [['--result', 'unknown'], (entry: Entry) => entry.result.kind === 'unknown'],
  ])('%j is what that holds for', async (args, holds) => {
    expect(parseLines((await list('--format', 'jsonl', ...args)).stdout)).toEqual(entries.filter(holds));
  });

  test('from is inclusive, to is exclusive, and the newest come first in descending order', async () => {
    const [from, to] = [entries[100]!.timeCompleted, entries[2200]!.timeCompleted];
    const { stdout, stderr } = await list('--format', 'jsonl', '--from', from, '--to', to, '--order', 'desc');
    const within = entries.filter(({ timeCompleted }) => timeCompleted >= from && timeCompleted < to);
    expect(parseLines(stdout)).toEqual(within.toReversed());
    expect(stderr).toMatch(/ settled: true\n$/);
  });

  test.each(['ascending', 'descending'])('a run goes on exactly where another reached its limit, %s', async (order) => {
    const first = await list('--format', 'jsonl', '--order', order, '--limit', '1703');
    const second = await list('--format', 'jsonl', '--after', first.next, '--limit', '2');
    const third = await list('--format', 'jsonl', '--after', second.next);
    const parts = [first, second, third].map(({ stdout }) => idsOf(parseLines(stdout)));
    expect(parts.map((part) => part.length)).toEqual([1703, 2, ENTRIES - 1705]);
    expect(parts.flat()).toEqual(order === 'ascending' ? idsOf(entries) : idsOf(entries).toReversed());
    const end = await list('--format', 'jsonl', '--after', third.next);
    expect(end).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('a reader that goes away', () => {
  const run = promisify(execFile);
  const program = `'${process.execPath}' '${sealogCommand}' list`;
  const env = () => ({ ...process.env, DATABASE_URL: database.url });

  test.each(['--format jsonl', '--format csv', '--limit 2000', '--format jsonl --follow'])(
    'ends list %s with 0 and without a word',
    async (args) => {
      const script = `(${program} ${args}; echo "exit $?" >&2) | head -1`;
      const { stdout, stderr } = await run('sh', ['-c', script], { env: env(), timeout: PATIENCE_MS });
      expect(stdout.split('\n')).toHaveLength(2);
      expect(stderr).toBe('exit 0\n');
    },
  );

  test('ends a listing that follows while there is nothing to write, where there is GNU tail', async () => {
    if (!spawnSync('tail', ['--version']).stdout?.includes('GNU')) return;
    const script = `(${program} --format csv --follow --from 2100-01-01; echo "exit $?" >&2) | head -1`;
    const { stdout, stderr } = await run('sh', ['-c', script], { env: env(), timeout: PATIENCE_MS });
    expect(stdout).toMatch(/^id,/);
    expect(stderr).toBe('exit 0\n');
  });
});

describe('following', () => {
  test('shows an entry as it is completed, until it is interrupted, and can be gone on with', async () => {
    await using follower = await start(['--format', 'jsonl', '--follow', '--operation', 'followed']);
    const { id } = await auditLog.begin({ operationId: 'followed', actor: { kind: 'system' } });
    await insertCompleted(1, 'other');
    await auditLog.complete(id, { kind: 'success' });
    expect(JSON.parse(await follower.waitForLine(() => true))).toMatchObject({ id, operationId: 'followed' });
    follower.kill('SIGINT');
    expect(await follower.exited).toEqual({ code: 0, signal: null });
    await insertCompleted(1, 'followed');
    const more = ['--format', 'jsonl', '--after', nextOf(follower.stderr), '--follow', '--limit', '1'];
    const { stdout, code } = await list(...more);
    expect(code).toBe(0);
    const followed = await auditLog.list({ operationId: 'followed' });
    expect(parseLines(follower.stdout + stdout)).toEqual(followed.entries);
    expect(followed.entries).toHaveLength(2);
  });
});

describe('wrong usage', () => {
  test.each([
    [['--from', '2026-02-30'], `option '--from <instant>' argument '2026-02-30' is invalid. expected an instant like`],
    [['--to', '2026-03-01T12:00:00'], `option '--to <instant>' argument '2026-03-01T12:00:00' is invalid.`],
    [['--limit', '1e3'], `option '--limit <entries>' argument '1e3' is invalid. expected a whole number from 1`],
    [['--order', 'newest'], `option '--order <order>' argument 'newest' is invalid. expected ascending or descending`],
    [['--result', 'timeout'], `option '--result <kind>' argument 'timeout' is invalid. Allowed choices are success,`],
    [
      ['--format', 'xml'],
      `option '--format <format>' argument 'xml' is invalid. Allowed choices are table, jsonl, csv`,
    ],
    [['--actor', ''], `option '--actor <id>' argument '' is invalid. expected non-empty text`],
    [['--after', 'x'], 'invalid cursor: expected the `next` of an earlier page, unchanged'],
    [['--follow', '--order', 'descending'], `option '--follow': expected order ascending, got descending`],
    [['--escape-formulas'], `option '--escape-formulas': expected format csv, got table`],
  ])('%j exits with 2 and names the option, before anything is connected', async (args, message) => {
    await expectRefused(args, message);
  });

  test('a cursor exits with 2 when it was changed, or is of another listing', async () => {
    const { next } = await auditLog.list({ order: 'descending', tenantId: 't1' });
    await expectRefused(['--after', `X${next.slice(1)}`], 'invalid cursor: expected the `next` of an earlier page');
    await expectRefused(['--after', next, '--tenant', 't2'], 'a listing with tenantId "t1", and "t2" was asked for');
    await expectRefused(['--after', next, '--follow'], `option '--follow': expected order ascending, got descending`);
  });

  async function expectRefused(args: readonly string[], message: string): Promise<void> {
    const nowhere = { DATABASE_URL: 'postgres://x@127.0.0.1:1/none' };
    const { code, stdout, stderr } = await runCommand(['list', ...args], nowhere);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^error: option '--/);
    expect(stderr).not.toContain('    at ');
  }
});

test('status tells the horizon, and the session that holds it back', async () => {
  const status = async (...args: readonly string[]) => {
    const { code, stdout } = await runCommand(['status', ...args], { DATABASE_URL: database.url });
    expect(code).toBe(0);
    return stdout;
  };
  const { horizon } = await auditLog.list();
  const before = JSON.parse(await status('--json'));
  expect(before).toMatchObject({ horizonLagSeconds: expect.any(Number), horizonHeldBy: null });
  expect(before.horizon > horizon).toBe(true);

  const { id } = await auditLog.begin({ operationId: 'slow', actor: { kind: 'system' } });
  const service = new pg.Client({ connectionString: database.url, application_name: 'slow service' });
  await service.connect();
  try {
    await service.query('begin');
    await service.query(`update sealog.audit_log set result_kind = 'success' where id = $1`, [id]);
    await replaceClock(database.pool, `clock_timestamp() + interval '1 minute'`);
    const { rows } = await service.query('select pg_backend_pid() as pid');
    const held = JSON.parse(await status('--json'));
    expect(held.horizonHeldBy).toEqual({
      pid: rows[0].pid,
      applicationName: 'slow service',
      userName: expect.any(String),
      client: expect.any(String),
      state: 'idle in transaction',
      ageSeconds: expect.any(Number),
      endStatement: `select pg_terminate_backend(${rows[0].pid});`,
    });
    expect(held.horizonHeldBy.ageSeconds).toBeGreaterThan(60);
    expect(held.horizonLagSeconds).toBeGreaterThan(60);
    const plain = await status();
    expect(plain).toMatch(/^ {2}horizon +\d{4}-\S+Z, \d+ s ago$/m);
    expect(plain).toMatch(
      new RegExp(`^  held by +pid ${rows[0].pid}, "slow service", .*idle in transaction; open for \\d+ s$`, 'm'),
    );
  } finally {
    await service.end();
  }
});

/** Back from CSV, by the description of the columns. */
function entryOf(header: readonly string[], row: readonly (string | null)[]): Entry {
  const cells = Object.fromEntries(header.map((name, column) => [name, row[column]!]));
  const { actorKind, actorId, resourceType, resourceId, details, resultKind, errorCode, errorMessage, ...plain } =
    cells;
  const { httpStatusCode: status, ...rest } = plain;
  const httpStatusCode = status === null ? null : Number(status);
  const result = {
    success: { kind: 'success', httpStatusCode },
    error: { kind: 'error', httpStatusCode, code: errorCode, message: errorMessage },
    unknown: { kind: 'unknown' },
  }[resultKind as 'success'];
  return {
    ...rest,
    actor: { kind: actorKind, ...(actorId !== null && { id: actorId }) },
    resource: resourceType === null ? null : { type: resourceType, ...(resourceId !== null && { id: resourceId }) },
    details: typeof details === 'string' ? (JSON.parse(details) as unknown) : null,
    result,
  } as unknown as Entry;
}
