import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execute } from '../support/cluster.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { documentedBlocks } from '../support/documentation/blocks.ts';
import { insertEntries } from '../support/entries.ts';
import { sealog } from '../support/role-logins.ts';

const sql = (await documentedBlocks(new URL('../../', import.meta.url))).filter(({ language }) => language === 'sql');
const role = `test_on_call_${randomBytes(4).toString('hex')}`;

let database: TestDatabase;
let url: string;
beforeAll(async () => {
  database = await createDatabase();
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  const grants = sql.find(({ text }) => text.includes('create role on_call'))!.text.replaceAll('on_call', role);
  await execute(database.url, grants, `alter role ${role} password 'on call'`);
  const login = new URL(database.url);
  [login.username, login.password] = [role, 'on call'];
  url = login.href;
});
afterAll(async () => {
  await execute(database.url, `drop owned by ${role}; drop role ${role}`);
  await database[Symbol.asyncDispose]();
});

test('the role of docs/monitoring.md can run sealog status', async () => {
  expect(JSON.parse(await sealog(url, 'status', '--json'))).toMatchObject({ whole: false, incomplete: { count: 1 } });
});

test('it can ask what the runbooks ask, and neither end a session nor read what an entry tells', async () => {
  await using client = await connected(url);
  await using other = await connected(database.url);
  const asked = sql.filter(({ file, text }) => file === 'docs/operations.md' && !text.includes('pg_terminate_backend'));
  expect(asked.length).toBeGreaterThan(5);
  for (const { text } of asked) await client.query(text);
  for (const column of ['actor_id', 'resource_id', 'details', 'source_ip']) {
    for (const table of ['audit_log', 'audit_log_complete']) {
      await expect(client.query(`select ${column} from sealog.${table}`)).rejects.toThrow('permission denied');
    }
  }
  const { rows } = await other.query<{ pid: number }>('select pg_backend_pid() as pid');
  await expect(client.query('select pg_terminate_backend($1)', [rows[0]!.pid])).rejects.toThrow(/terminate/);
});
