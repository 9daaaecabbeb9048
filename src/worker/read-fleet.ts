import type { QueueConnection } from './boss.ts';
import type { JobSchedule } from './queue.ts';

/** What the whole fleet did and is, as any replica can tell it, whichever has been restarted since. */
export interface Fleet {
  /** By the database's clock, in seconds since 1970. */
  readonly now: number;
  readonly jobs: readonly FleetJob[];
  /** Replicas whose heartbeat is in time. */
  readonly replicas: number;
  /** Replicas whose heartbeat ended in the last {@link LOST_MINUTES} minutes without their saying so. */
  readonly lost: number;
}

export interface FleetJob {
  readonly job: string;
  /** The installed one. Null: none. */
  readonly schedule: JobSchedule | null;
  /** The last activation that completed. Null: none that pg-boss still keeps. */
  readonly lastActivation: { readonly completedSeconds: number; readonly skipped: number } | null;
}

/** Long enough to be seen and told, and then over: nothing more is to be done about a replica that was replaced. */
export const LOST_MINUTES = 15;

/** One statement, served by pg-boss's index on name and time; reads a few rows. Follows pg-boss's idea of a live one. */
export async function readFleet({ pool, schema }: QueueConnection, jobs: readonly string[]): Promise<Fleet> {
  const { rows } = await pool.query({
    text: `
      select extract(epoch from ${schema}.job_now())::float8 as now,
        (select json_agg(json_build_object(
                  'job', wanted.name,
                  'schedule', (select json_build_object('cron', cron, 'timezone', timezone)
                                 from ${schema}.schedule where name = wanted.name and key = ''),
                  'lastActivation', (select json_build_object(
                                         'completedSeconds', extract(epoch from completed_on),
                                         'skipped', coalesce(jsonb_array_length(output->'skipped'), 0))
                                       from ${schema}.job where name = wanted.name and state = 'completed'
                                      order by created_on desc limit 1)))
           from unnest($1::text[]) as wanted(name)) as jobs,
        count(*) filter (where silent <= allowed)::integer as replicas,
        count(*) filter (where silent > allowed and silent <= make_interval(mins => $2))::integer as lost
      from (select ${schema}.job_now() - heartbeat_on as silent, heartbeat_seconds * 3 * interval '1 s' as allowed
              from ${schema}.instance where stopped_on is null) as instance`,
    values: [jobs, LOST_MINUTES],
  });
  return rows[0] as Fleet;
}
