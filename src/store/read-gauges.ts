import { sql } from 'kysely';
import type { AuditLogDatabase } from './database.ts';
import { startedAhead } from './timeout-stale-entries.ts';

/** What is measured of the audit log at a scrape. */
export interface Gauges {
  readonly incomplete: number;
  /** Incomplete, and started longer ago than the timeout or more than a day ahead of the clock. */
  readonly stale: number;
  readonly oldestAgeSeconds: number;
  /** How far the horizon that was sealed last lies behind the database's clock. Each worker seals every twenty seconds. */
  readonly horizonLagSeconds: number;
}

/** Seals nothing, so that a scrape writes nothing. Served by `audit_log_incomplete_by_time_started`. */
export async function readGauges({ db, schema }: AuditLogDatabase, timeoutSeconds: number): Promise<Gauges> {
  const clock = sql`${sql.id(schema, 'audit_log_clock')}()`;
  const age = (instant: string) =>
    sql<number>`greatest(0, coalesce(extract(epoch from ${clock} - min(${sql.ref(instant)})), 0))::double precision`;
  const { rows } = await sql<Gauges>`
    select count(*)::integer as "incomplete",
           count(*) filter (where time_started < cutoff or ${startedAhead(schema)})::integer as "stale",
           ${age('time_started')} as "oldestAgeSeconds",
           (select ${age('sealed')} from ${sql.id(schema, 'audit_log_horizon')}) as "horizonLagSeconds"
      from ${sql.id(schema, 'audit_log')},
           (select ${clock} - pg_catalog.make_interval(secs => ${timeoutSeconds}) as cutoff offset 0) as timeout
     where time_completed is null
  `.execute(db);
  return rows[0]!;
}
