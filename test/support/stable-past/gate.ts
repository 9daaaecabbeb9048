import pg from 'pg';
import { waitUntil } from '../wait.ts';

/**
 * A place in the middle of the protocol where the sessions named `gated` wait, so that a test decides what happens
 * between two of its steps. The clock of the audit log and the view of the holders are what it can be built into.
 */
export interface Gate extends AsyncDisposable {
  /** Until that many sessions wait at the gate. */
  waitFor(sessions: number): Promise<void>;
  open(): Promise<void>;
}

export const GATED = 'gated';

// No key of the audit log: those have a namespace above their 42 lowest bits.
const KEY = 4711;

/** A statement of plpgsql. */
export const WAIT_AT_GATE: string = `
  if current_setting('application_name') = '${GATED}' then
    perform pg_advisory_lock_shared(${KEY});
    perform pg_advisory_unlock_shared(${KEY});
  end if;`;

/** In the clock: `before` it is read, or `after`, so that what it answers is old. */
export async function closeClock(url: string, when: 'before' | 'after'): Promise<Gate> {
  return await closeGate(
    url,
    `create or replace function sealog.audit_log_clock() returns timestamptz language plpgsql volatile as $$
     declare
       now timestamptz;
     begin
       ${when === 'before' ? WAIT_AT_GATE : ''}
       now := clock_timestamp();
       ${when === 'after' ? WAIT_AT_GATE : ''}
       return now;
     end $$`,
  );
}

/** Before a completer takes its lock. */
export async function closeBeforeLock(url: string): Promise<Gate> {
  return await closeGate(
    url,
    `create or replace function sealog.audit_log_lock_key(microseconds bigint) returns bigint language plpgsql as $$
     begin
       ${WAIT_AT_GATE}
       return (sealog.audit_log_lock_namespace() << 42) | (microseconds / 1000);
     end $$`,
  );
}

/** After the scan for held locks, before its result is used. */
export async function closeAfterScan(url: string): Promise<Gate> {
  return await closeGate(
    url,
    `do $$ begin execute
       'create view sealog.scan as ' || pg_get_viewdef('sealog.audit_log_horizon_holders'::regclass); end $$;
     create function sealog.scan_and_wait() returns setof sealog.scan language plpgsql volatile as $$
     begin
       return query select * from sealog.scan;
       ${WAIT_AT_GATE}
     end $$;
     create or replace view sealog.audit_log_horizon_holders as select * from sealog.scan_and_wait()`,
  );
}

/** Closes the gate, then runs the SQL that builds it in. */
export async function closeGate(url: string, sql = ''): Promise<Gate> {
  const keeper = new pg.Client({ connectionString: url });
  await keeper.connect();
  await keeper.query(`select pg_advisory_lock(${KEY})`);
  await keeper.query(sql);
  return {
    waitFor: (sessions) =>
      waitUntil(`${sessions} sessions wait at the gate`, async () => {
        const { rowCount } = await keeper.query(
          `select from pg_locks where locktype = 'advisory' and objid = ${KEY} and classid = 0 and not granted
              and database = (select oid from pg_database where datname = current_database())`,
        );
        return rowCount === sessions;
      }),
    open: async () => void (await keeper.query(`select pg_advisory_unlock(${KEY})`)),
    [Symbol.asyncDispose]: () => keeper.end(),
  };
}
