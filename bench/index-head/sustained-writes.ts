import type pg from 'pg';
import { waitUntil } from '../../test/support/wait.ts';
import { addCompletedEntries, ownerOf } from '../entries/completed.ts';
import { beginLostLogins } from '../entries/incomplete.ts';
import type { BenchServer } from '../harness/server.ts';
import { probeActivation } from './probe.ts';

export interface SustainedWrites {
  /** Entries in the log before. */
  readonly completed: number;
  /** Entries that are begun and completed between two activations. */
  readonly perActivation: number;
  readonly activations: number;
  /** Whether the server may be told to look for due vacuums each second, and these are waited for. */
  readonly vacuums: boolean;
  readonly progress: (what: string) => void;
}

export interface Reading {
  /** `table`: those that the migration gives the table. */
  readonly settings: 'table' | 'default';
  readonly written: number;
  readonly buffers: number;
  readonly ms: number;
  /** How often the table has been vacuumed since. */
  readonly vacuums: number;
}

const STORAGE =
  'autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold';

/** The same writes to two logs in turn, one of them with PostgreSQL's own vacuum settings. */
export async function sustainedWrites(server: BenchServer, options: SustainedWrites): Promise<readonly Reading[]> {
  const { completed, activations, progress } = options;
  await using stack = new AsyncDisposableStack();
  if (options.vacuums) {
    const administrator = stack.use(await server.createDatabase({ empty: true })).pool;
    await administrator.query(`alter system set autovacuum_naptime = '1s'`);
    stack.defer(async () => void (await administrator.query('alter system reset autovacuum_naptime')));
    await administrator.query('select pg_reload_conf()');
  }
  const logs = [];
  for (const settings of ['table', 'default'] as const) {
    const database = stack.use(await server.createDatabase());
    await addCompletedEntries(database.url, { from: 0, to: completed, progress });
    const owner = stack.use(await ownerOf(database.url));
    if (settings === 'default') await owner.query(`alter table sealog.audit_log reset (${STORAGE})`);
    await owner.query(`select pg_stat_reset()`);
    logs.push({ settings, owner });
  }
  const readings: Reading[] = [];
  for (let activation = 1; activation <= activations; activation++) {
    for (const { settings, owner } of activation % 2 === 0 ? logs : logs.toReversed()) {
      progress(`${settings} settings: writes before activation ${activation} of ${activations}`);
      readings.push(await writeAndRead(owner, settings, activation, options));
    }
  }
  return readings;
}

async function writeAndRead(
  owner: Awaited<ReturnType<typeof ownerOf>>,
  settings: Reading['settings'],
  activation: number,
  { perActivation, vacuums: waits }: SustainedWrites,
): Promise<Reading> {
  const batch = Math.min(500, perActivation);
  for (let written = 0; written < perActivation; written += batch) {
    await owner.query(
      `insert into sealog.audit_log (time_started, operation_id, actor_kind, actor_id, request_id)
       select clock_timestamp() - interval '5 hours', 'disk_create', 'user', 'user-1', md5(n::text) from generate_series(1, $1::integer) n`,
      [batch],
    );
    await owner.query(
      `update sealog.audit_log set result_kind = 'success', time_completed = clock_timestamp() where time_completed is null`,
    );
    if (waits && (written + batch) % (perActivation / 10) === 0) await untilVacuumed(owner);
  }
  await beginLostLogins(owner);
  await owner.query(
    `update sealog.audit_log set time_started = now() - interval '5 hours' where time_completed is null`,
  );
  const { buffers, ms } = await probeActivation(owner, settings);
  const { rows } = await owner.query<{ vacuums: number }>(
    `select autovacuum_count::integer as vacuums from pg_stat_user_tables where relid = 'sealog.audit_log'::regclass`,
  );
  await owner.query(
    `update sealog.audit_log set result_kind = 'timeout', time_completed = clock_timestamp() where time_completed is null`,
  );
  return { settings, written: activation * perActivation, buffers, ms, vacuums: rows[0]!.vacuums };
}

/** Waits until what was written is counted, and no vacuum of the table is due or runs. */
async function untilVacuumed(owner: pg.Client): Promise<void> {
  // Statistics are sent at the end of a transaction, once a second.
  await owner.query('select pg_stat_force_next_flush()');
  await waitUntil('the table is vacuumed', async () => {
    const { rows } = await owner.query<{ done: boolean }>(DUE);
    return rows[0]!.done;
  });
}

const DUE = `
  with setting as (
    select coalesce((select option_value from pg_options_to_table(reloptions) where option_name = name), current_setting(name))::float8 as value, name
      from pg_class, unnest(array['autovacuum_vacuum_threshold', 'autovacuum_vacuum_scale_factor',
                                  'autovacuum_vacuum_insert_threshold', 'autovacuum_vacuum_insert_scale_factor']) name
     where oid = 'sealog.audit_log'::regclass),
  allowed as (
    select max(value) filter (where name = 'autovacuum_vacuum_threshold')
             + max(value) filter (where name = 'autovacuum_vacuum_scale_factor') * reltuples as dead,
           max(value) filter (where name = 'autovacuum_vacuum_insert_threshold')
             + max(value) filter (where name = 'autovacuum_vacuum_insert_scale_factor') * reltuples as inserted
      from setting, pg_class where oid = 'sealog.audit_log'::regclass group by reltuples)
  select n_dead_tup <= dead and n_ins_since_vacuum <= inserted
         and not exists (select from pg_stat_progress_vacuum where relid = 'sealog.audit_log'::regclass) as done
    from pg_stat_user_tables, allowed where relid = 'sealog.audit_log'::regclass`;
