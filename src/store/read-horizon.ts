import { sql } from 'kysely';
import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { seal } from './seal.ts';

/** How far the completed past is final, and what keeps it from going further. */
export interface Horizon {
  readonly horizon: Instant;
  /** By the database's clock. */
  readonly lagSeconds: number;
  /** The longest-open transaction that completes entries, when it has been open for more than a second. */
  readonly heldBy: HorizonHolder | null;
}

/** A session in whose transaction entries are being completed. */
export interface HorizonHolder {
  /** Null: a prepared transaction, which no session holds any more. */
  readonly pid: number | null;
  /** Null, as `userName`, `client` and `state`, for a role that may not see it. */
  readonly applicationName: string | null;
  readonly userName: string | null;
  /** The address that it connected from; null for a socket on the server too. */
  readonly client: string | null;
  readonly state: string | null;
  readonly ageSeconds: number;
  /** The statement that ends it, and undoes what it has not committed. Null when it cannot be told. */
  readonly endStatement: string | null;
}

/** Every completion holds the horizon for as long as its transaction takes. Only one that stays is worth telling. */
const HOLD_SECONDS = 1;

/** Seals as far as it can, then looks at what was in the way. Of the table itself it reads nothing. */
export async function readHorizon(database: AuditLogDatabase): Promise<Horizon> {
  const horizon = await seal(database, undefined);
  const { db, schema } = database;
  const age = (since: unknown) =>
    sql`greatest(0, extract(epoch from ${sql.id(schema, 'audit_log_clock')}() - ${since}))::float8`;
  const { rows } = await sql<{ lagSeconds: number; heldBy: HorizonHolder | null }>`
    select ${age(sql`${horizon}::timestamptz`)} as "lagSeconds",
           (select pg_catalog.json_build_object(
                     'pid', holder.pid, 'applicationName', application_name, 'userName', usename,
                     'client', host(client_addr), 'state', state, 'ageSeconds', holder.age,
                     'endStatement', case when holder.pid is not null
                                          then format('select pg_terminate_backend(%s);', holder.pid)
                                          else (${rollbackPrepared(schema)}) end)
              from (select pid, ${age(sql`time_started`)} as age
                      from ${sql.id(schema, 'audit_log_horizon_holders')}) as holder
              left join pg_stat_activity as session on session.pid = holder.pid
             where holder.age > ${HOLD_SECONDS}
             order by holder.age desc, holder.pid
             limit 1) as "heldBy"
  `.execute(db);
  return { horizon, ...rows[0]! };
}

/** For the oldest prepared transaction that completes entries: of all its locks, one bears its number. */
function rollbackPrepared(schema: string) {
  return sql`
    select format('rollback prepared %L;', gid)
      from pg_prepared_xacts as prepared
      join pg_locks as own on own.transactionid = prepared.transaction and own.pid is null and own.granted
      join pg_locks as held on held.virtualtransaction = own.virtualtransaction and held.pid is null
     where held.locktype = 'advisory' and held.objsubid = 1 and prepared.database = current_database()
       and (held.classid::bigint << 32 | held.objid::bigint) >> 42 = ${sql.id(schema, 'audit_log_lock_namespace')}()
     order by prepared.prepared limit 1`;
}
