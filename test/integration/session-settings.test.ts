import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuditLog, type NewEntry } from '../../src/index.ts';
import { listeningTo } from '../support/counter.ts';
import { testPool } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { everythingSeen } from '../support/everything.ts';
import { PATIENCE_MS } from '../support/wait.ts';

let database: TestDatabase;
let usual: unknown;
let version: number;
beforeAll(async () => {
  database = await createDatabase();
  const { rows } = await database.pool.query(`select current_setting('server_version_num')::integer as version`);
  version = rows[0].version;
  // Names that hide those of the log from whoever does not say the schema.
  await database.pool.query('create schema shadow; create table shadow.audit_log (); create table shadow.job ()');
  usual = await everythingSeen(database);
});
afterAll(async () => await database[Symbol.asyncDispose]());

/** What the role sets for its sessions in the database, all at once. */
type Settings = Readonly<Record<string, string>>;

// Those in one line do not hide each other.
const SETTINGS: readonly Settings[] = [
  // How values are read and printed.
  { DateStyle: 'German, DMY' },
  { DateStyle: 'SQL, MDY', IntervalStyle: 'iso_8601', TimeZone: 'America/St_Johns', extra_float_digits: '-15' },
  { DateStyle: 'Postgres, DMY', IntervalStyle: 'postgres_verbose', TimeZone: 'Pacific/Kiritimati' },
  { IntervalStyle: 'sql_standard', TimeZone: 'Asia/Kolkata', timezone_abbreviations: 'India', extra_float_digits: '3' },
  { bytea_output: 'escape', xmlbinary: 'hex', client_encoding: 'LATIN1', lc_messages: 'C', lc_time: 'C' },
  // How statements are parsed.
  { search_path: '' },
  { search_path: 'shadow' },
  {
    standard_conforming_strings: 'off',
    backslash_quote: 'off',
    escape_string_warning: 'off',
    array_nulls: 'off',
    transform_null_equals: 'on',
    quote_all_identifiers: 'on',
    xmloption: 'document',
  },
  {
    'plpgsql.variable_conflict': 'use_column',
    'plpgsql.extra_errors': 'all',
    check_function_bodies: 'off',
    row_security: 'off',
    default_tablespace: 'pg_default',
  },
  // How long they may take, and what a commit waits for.
  {
    statement_timeout: '10s',
    lock_timeout: '10s',
    idle_in_transaction_session_timeout: '10s',
    idle_session_timeout: '10s',
  },
  { transaction_timeout: '10s' },
  { synchronous_commit: 'off' },
  { synchronous_commit: 'remote_apply', track_activities: 'off' },
  // What they see of each other.
  { default_transaction_isolation: 'read uncommitted', default_transaction_deferrable: 'on' },
  { default_transaction_isolation: 'repeatable read' },
  { default_transaction_isolation: 'serializable' },
  // How they are planned.
  { plan_cache_mode: 'force_generic_plan', work_mem: '64kB', geqo: 'off' },
  { plan_cache_mode: 'force_custom_plan', jit_above_cost: '0', from_collapse_limit: '1', join_collapse_limit: '1' },
  { enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off' },
  { enable_indexscan: 'off', enable_indexonlyscan: 'off', enable_bitmapscan: 'off', enable_nestloop: 'off' },
  { enable_sort: 'off', enable_hashagg: 'off', enable_material: 'off' },
  { debug_parallel_query: 'on' },
];
const SINCE_MAJOR: Readonly<Record<string, number>> = { transaction_timeout: 17, debug_parallel_query: 16 };

test.each(SETTINGS)('everything is written, timed out and read as usual under %j', async (settings) => {
  if (Object.keys(settings).some((name) => version < (SINCE_MAJOR[name] ?? 0) * 10_000)) return;
  await using _ = await underSettings(settings);
  expect(await everythingSeen(database)).toEqual(usual);
});

test('where sessions only read, operations do not run, and an outcome is recorded as soon as they write again', async () => {
  const pool = testPool({ connectionString: database.url });
  await using log = createAuditLog({ connectionString: database.url });
  const { id } = await log.begin(ENTRY);
  const readOnly = await underSettings({ default_transaction_read_only: 'on' });
  const { promise: repeated, resolve: repeats } = Promise.withResolvers<void>();
  await using limited = createAuditLog({ pool, meterProvider: listeningTo('sealog_complete_retried', repeats) });
  await expect(limited.begin(ENTRY)).rejects.toMatchObject({
    sqlState: '25006',
    message: 'begin: cannot execute INSERT in a read-only transaction',
  });
  expect((await limited.list({ limit: 1 })).entries).toHaveLength(1);
  const completing = limited.complete(id, { kind: 'success' });
  await Promise.race([repeated, completing]);
  await readOnly[Symbol.asyncDispose]();
  expect(await completing).toMatchObject({ status: 'completed' });
  await pool.end();
});

test('where everything is serializable, concurrent calls repeat what the server undoes', async () => {
  await using _ = await underSettings({ default_transaction_isolation: 'serializable' });
  const pool = testPool({ connectionString: database.url, max: 8 });
  const log = createAuditLog({ pool, beginTimeoutMs: PATIENCE_MS });
  const tenantId = database.name;
  const ids = new Set<string>();
  const work = async (): Promise<void> => {
    for (let n = 0; n < 25; n++) {
      const { id } = await log.begin({ ...ENTRY, tenantId });
      await log.complete(id, { kind: 'success' });
      await log.list({ tenantId, limit: 5, order: 'descending' });
      if (await log.find(id)) ids.add(id);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  const { entries } = await log.list({ tenantId, limit: 1000 });
  expect(new Set(entries.map(({ id }) => id))).toEqual(ids);
  expect(entries).toHaveLength(200);
  await pool.end();
});

const ENTRY: NewEntry = { operationId: 'disk_create', actor: { kind: 'system' } };

async function underSettings(settings: Settings): Promise<AsyncDisposable> {
  const sessions = `alter role current_user in database ${database.name}`;
  for (const [name, value] of Object.entries(settings)) {
    await database.pool.query(`${sessions} set ${name} = '${value}'`);
  }
  return { [Symbol.asyncDispose]: async () => void (await database.pool.query(`${sessions} reset all`)) };
}
