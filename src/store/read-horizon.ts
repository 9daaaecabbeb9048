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
  /** Null, as `state`, for a role that may not see it. */
  readonly applicationName: string | null;
  readonly state: string | null;
  readonly ageSeconds: number;
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
           (select json_build_object('pid', holder.pid, 'applicationName', session.application_name,
                                     'state', session.state, 'ageSeconds', holder.age)
              from (select pid, ${age(sql`time_started`)} as age
                      from ${sql.id(schema, 'audit_log_horizon_holders')}) as holder
              left join pg_stat_activity as session on session.pid = holder.pid
             where holder.age > ${HOLD_SECONDS}
             order by holder.age desc, holder.pid
             limit 1) as "heldBy"
  `.execute(db);
  return { horizon, ...rows[0]! };
}
