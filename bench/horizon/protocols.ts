/** A way to read the completed past while it is written: how it is stamped, and up to where it is taken as final. */
export interface Protocol {
  readonly name: string;
  /** Where its table is: those that stamp alike share one. */
  readonly schema: string;
  /** Completes the entry `$1`. */
  readonly complete: string;
  /** Answers the `horizon` up to which a reader reads. */
  readonly horizon: string;
  /** Entries after the position `$1`, `$2` and up to the horizon `$3`, with their `position` and their `lag` in milliseconds. */
  readonly page: string;
  /** How many entries are completed at or before the position `$1`, `$2`. */
  readonly count: string;
  /** Before all entries. */
  readonly start: string;
}

export const PROTOCOLS: readonly Protocol[] = [
  {
    ...byTime('sealog'),
    name: 'sealog',
    complete: `update sealog.audit_log set result_kind = 'success' where id = $1 and time_completed is null`,
    horizon: 'select sealog.audit_log_seal()::text as horizon',
  },
  {
    ...byTime('barrier'),
    name: 'exclusive lock',
    complete: `update barrier.audit_log set result_kind = 'success' where id = $1 and time_completed is null`,
    horizon: 'select barrier.horizon()::text as horizon',
  },
  {
    name: 'oldest transaction',
    schema: 'watermark',
    complete: `update watermark.audit_log set result_kind = 'success' where id = $1 and time_completed is null`,
    horizon: 'select pg_snapshot_xmin(pg_current_snapshot())::text as horizon',
    page: pageOf('watermark', { key: 'xid', type: 'xid8', upTo: '<' }),
    count: countOf('watermark', { key: 'xid', type: 'xid8' }),
    start: '0',
  },
  plain('up to now', ''),
  plain('100 ms behind', ` - interval '100 milliseconds'`),
  plain('1 s behind', ` - interval '1 second'`),
];

/** The tables that stand beside sealog's, with the same columns, constraints and indexes, and what stamps them. */
export const TABLES = `
  create schema plain;
  create table plain.audit_log (like sealog.audit_log including all) with (fillfactor = 90);

  create schema barrier;
  create table barrier.audit_log (like sealog.audit_log including all) with (fillfactor = 90);
  create function barrier.stamp() returns trigger language plpgsql as $$
  begin
    perform pg_advisory_xact_lock_shared(4711);
    new.time_completed := clock_timestamp();
    return new;
  end $$;
  create trigger stamp before update on barrier.audit_log for each row execute function barrier.stamp();
  create function barrier.horizon() returns timestamptz language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(4711);
    return clock_timestamp() - interval '1 microsecond';
  end $$;

  create schema watermark;
  create table watermark.audit_log (like sealog.audit_log including all, xid xid8) with (fillfactor = 90);
  drop index watermark.audit_log_time_completed_id_idx;
  create unique index on watermark.audit_log (xid, id) where time_completed is not null;
  create function watermark.stamp() returns trigger language plpgsql as $$
  begin
    new.xid := pg_current_xact_id();
    new.time_completed := clock_timestamp();
    return new;
  end $$;
  create trigger stamp before update on watermark.audit_log for each row execute function watermark.stamp();`;

function plain(name: string, lag: string): Protocol {
  return {
    ...byTime('plain'),
    name,
    complete: `update plain.audit_log set result_kind = 'success', time_completed = clock_timestamp()
                where id = $1 and time_completed is null`,
    horizon: `select (clock_timestamp()${lag})::text as horizon`,
  };
}

function byTime(schema: string) {
  const key = { key: 'time_completed', type: 'timestamptz' };
  return { schema, page: pageOf(schema, { ...key, upTo: '<=' }), count: countOf(schema, key), start: '-infinity' };
}

interface Key {
  readonly key: string;
  readonly type: string;
}

function pageOf(schema: string, { key, type, upTo }: Key & { readonly upTo: string }): string {
  return `select id, ${key}::text as position, extract(epoch from clock_timestamp() - time_completed)::float8 * 1000 as lag
            from ${schema}.audit_log
           where time_completed is not null and (${key}, id) > ($1::${type}, $2::uuid) and ${key} ${upTo} $3::${type}
           order by ${key}, id limit 1000`;
}

function countOf(schema: string, { key, type }: Key): string {
  return `select count(*)::integer as entries from ${schema}.audit_log
           where time_completed is not null and (${key}, id) <= ($1::${type}, $2::uuid)`;
}
