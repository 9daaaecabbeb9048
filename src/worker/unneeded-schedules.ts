import { scheduleRemoved } from './events.ts';
import { JOBS } from '../jobs/jobs.ts';
import type { QueueConnection } from './boss.ts';
import type { Timings } from './timings.ts';

/**
 * Removes schedules that sealog installed for jobs that are none any more: neither of this version, nor of any replica
 * that is there. So the replicas of two versions leave each other's jobs alone while one replaces the other.
 */
export async function removeUnneededSchedules(
  { pool, schema, auditLogSchema, logger }: QueueConnection,
  { goneSeconds }: Timings,
): Promise<void> {
  const { rows } = await pool.query({
    text: `delete from ${schema}.schedule
            where key = '' and data = '{"trigger": "schedule"}' and name <> all($1)
              and not exists (select from "${auditLogSchema}".replica
                               where job = schedule.name
                                 and time_checked >= clock_timestamp() - pg_catalog.make_interval(secs => $2))
           returning name, cron, timezone`,
    values: [JOBS.map(({ name }) => name), goneSeconds],
  });
  for (const { name, cron, timezone } of rows as { name: string; cron: string; timezone: string }[]) {
    scheduleRemoved(logger, { job: name, schedule: `${cron} ${timezone}` });
  }
}
