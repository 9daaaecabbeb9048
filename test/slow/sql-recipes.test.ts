import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const run = promisify(execFile);

let database: TestDatabase;
let blocks: readonly { readonly language: string; readonly code: string }[];
beforeAll(async () => {
  database = await createDatabase();
  const page = await readFile(new URL('../../docs/sql.md', import.meta.url), 'utf8');
  blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({ language, code }));
});
afterAll(() => database[Symbol.asyncDispose]());

function blocksIn(language: string): string[] {
  return blocks.filter((block) => block.language === language).map(({ code }) => code);
}

async function psql(code: string): Promise<string> {
  const running = run('psql', ['-X', '-qtA', '-v', 'ON_ERROR_STOP=1', '-f', '-', database.url]);
  running.child.stdin?.end(code);
  return (await running).stdout.trim();
}

async function entryOf(operationId: string) {
  const { rows } = await database.pool.query(
    `select * from sealog.audit_log_complete where operation_id = $1 order by time_completed`,
    [operationId],
  );
  return rows;
}

describe('docs/sql.md', () => {
  test('from psql: an entry, a late outcome, and reading them', async () => {
    const [write, late, read, ...rest] = blocksIn('sql');
    expect(rest).toEqual([]);
    await psql(write!);
    expect(await entryOf('disk_create')).toMatchObject([
      { actor_id: 'u1', result_kind: 'success', http_status_code: 201, resource_id: 'd1', details: { size: 10 } },
    ]);
    await psql(late!);
    const [unknown, amendment] = await entryOf('disk_delete');
    expect([unknown, amendment]).toMatchObject([
      { result_kind: 'unknown', amends: null },
      { result_kind: 'success', http_status_code: 204, amends: unknown.id },
    ]);
    const operations = (await psql(read!)).split('\n').map((row) => row.split('|')[2]);
    expect(operations).toEqual(['disk_create', 'disk_delete', 'disk_delete']);
  });

  test('from Python', async () => {
    const [program, ...rest] = blocksIn('python');
    expect(rest).toEqual([]);
    // Debian's Python, where .ci/install-tools puts psycopg.
    await run('/usr/bin/python3', ['-c', program!], { env: { ...process.env, DATABASE_URL: database.url } });
    expect(await entryOf('image_create')).toMatchObject([
      { result_kind: 'success', http_status_code: 200, instance_id: 'api-1', details: { size: 10 } },
    ]);
    expect(await entryOf('image_delete')).toMatchObject([
      { result_kind: 'error', http_status_code: 404, error_code: 'HttpError', error_message: 'no such image' },
    ]);
  });
});
