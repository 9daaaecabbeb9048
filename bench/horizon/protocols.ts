/** A way to read the completed past while it is written: how it is stamped, and up to where it is taken as final. */
export interface Protocol {
  readonly name: string;
  /** Where its table is: those that stamp alike share one. */
  readonly schema: string;
  /** Whether it promises to lose nothing, whatever the load: what it loses is then an error, and no finding. */
  readonly exact: boolean;
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

const SEAL = 'select sealog.audit_log_seal()::text as horizon';

/** sealog as it is. */
export const SEALOG: Protocol = { ...byTime('sealog'), name: 'sealog', exact: true, horizon: SEAL };

/** Reads up to the present: what everybody writes first. */
export const UP_TO_NOW: Protocol = upTo('up to now', '');

export const PROTOCOLS: readonly Protocol[] = [
  SEALOG,
  { ...byTime('stamped'), name: 'sealog, without its rules', exact: true, horizon: SEAL },
  {
    ...byTime('barrier'),
    name: 'exclusive lock',
    exact: true,
    horizon: 'select barrier.horizon()::text as horizon',
  },
  {
    ...byKey('watermark', { key: 'xid', type: 'xid8', upTo: '<' }),
    name: 'oldest transaction',
    exact: true,
    horizon: 'select pg_snapshot_xmin(pg_current_snapshot())::text as horizon',
    start: '0',
  },
  UP_TO_NOW,
  upTo('100 ms behind', ` - interval '100 milliseconds'`),
  upTo('1 s behind', ` - interval '1 second'`),
];

function upTo(name: string, lag: string): Protocol {
  return {
    ...byTime('plain'),
    name,
    exact: false,
    horizon: `select (clock_timestamp()${lag})::text as horizon`,
  };
}

function byTime(schema: string) {
  return { ...byKey(schema, { key: 'time_completed', type: 'timestamptz', upTo: '<=' }), start: '-infinity' };
}

interface Key {
  readonly key: string;
  readonly type: string;
  readonly upTo: string;
}

function byKey(schema: string, { key, type, upTo: until }: Key) {
  return {
    schema,
    // Not by `time_completed is null`: PostgreSQL would often rather read the index of incomplete entries than the
    // primary key, and that is several times slower.
    complete: `update ${schema}.audit_log set result_kind = 'success' where id = $1 and result_kind is null`,
    page: `select id, ${key}::text as position, extract(epoch from clock_timestamp() - time_completed)::float8 * 1000 as lag
             from ${schema}.audit_log
            where time_completed is not null and (${key}, id) > ($1::${type}, $2::uuid) and ${key} ${until} $3::${type}
            order by ${key}, id limit 1000`,
    count: `select count(*)::integer as entries from ${schema}.audit_log
             where time_completed is not null and (${key}, id) <= ($1::${type}, $2::uuid)`,
  };
}
