import type { QueueConnection } from './boss.ts';
import { instancesSql } from './instances.ts';
import type { JobSchedule } from './queue.ts';
import { lengthSql } from './recorded-outcome.ts';

/** What the whole fleet did and is, as any replica can tell it, whichever has been restarted since. */
export interface Fleet {
  /** By the database's clock, in seconds since 1970. */
  readonly now: number;
  readonly jobs: readonly FleetJob[];
  /** Replicas that are alive. */
  readonly replicas: number;
  /** Replicas that were lost lately. */
  readonly lost: number;
}

export interface FleetJob {
  readonly job: string;
  /** The installed one. Null: none. */
  readonly schedule: JobSchedule | null;
  /** The last activation that completed. Null: none that pg-boss still keeps. */
  readonly lastActivation: { readonly completedSeconds: number; readonly skipped: number } | null;
}

/** One statement, served by pg-boss's index on name and time; reads a few rows. */
export async function readFleet({ pool, schema }: QueueConnection, jobs: readonly string[]): Promise<Fleet> {
  const { rows } = await pool.query({
    text: `
      select json_build_object(
               'now', extract(epoch from ${schema}.job_now()),
               'jobs', (select json_agg(json_build_object(
                                 'job', wanted.name,
                                 'schedule', (select json_build_object('cron', cron, 'timezone', timezone)
                                                from ${schema}.schedule where name = wanted.name and key = ''),
                                 'lastActivation', (select json_build_object(
                                                        'completedSeconds', extract(epoch from completed_on),
                                                        'skipped', coalesce(${lengthSql('output', 'skipped')}, 0))
                                                      from ${schema}.job
                                                     where name = wanted.name and state = 'completed'
                                                       and isfinite(completed_on)
                                                     order by created_on desc limit 1)))
                          from unnest($1::text[]) as wanted(name)),
               'replicas', count(*) filter (where is_alive),
               'lost', count(*) filter (where is_lost)) as fleet
        from (${instancesSql(schema)}) as instance`,
    values: [jobs],
  });
  const [{ fleet }] = rows as [{ fleet: Fleet }];
  return fleet;
}
