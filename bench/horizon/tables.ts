/**
 * The tables of the other protocols, beside sealog's: with the same columns, constraints, indexes and storage, and with
 * one trigger that stamps. `stamped` is sealog's own protocol on such a table, so that its cost can be told from that of
 * sealog's rules, which are two more triggers and the checks in the one that stamps.
 */
export const TABLES: string = `
  create schema plain;
  ${tableOf('plain', 'new.time_completed := clock_timestamp();')}

  -- Counters and locks are those of sealog's own table, which nobody writes to meanwhile.
  create schema stamped;
  ${tableOf('stamped', 'new.time_completed := sealog.audit_log_stamp();')}

  create schema barrier;
  ${tableOf('barrier', 'perform pg_advisory_xact_lock_shared(4711); new.time_completed := clock_timestamp();')}
  create function barrier.horizon() returns timestamptz language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(4711);
    return clock_timestamp() - interval '1 microsecond';
  end $$;

  create schema watermark;
  ${tableOf('watermark', 'new.xid := pg_current_xact_id(); new.time_completed := clock_timestamp();', ', xid xid8')}
  drop index watermark.audit_log_time_completed_id_idx;
  create unique index on watermark.audit_log (xid, id) where time_completed is not null;`;

function tableOf(schema: string, stamp: string, column = ''): string {
  return `
  create table ${schema}.audit_log (like sealog.audit_log including all${column}) with (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000);
  create function ${schema}.stamp() returns trigger language plpgsql as $$
  begin
    ${stamp}
    return new;
  end $$;
  create trigger stamp before update on ${schema}.audit_log for each row execute function ${schema}.stamp();`;
}
