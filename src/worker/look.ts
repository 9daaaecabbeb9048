import type { PgBoss } from 'pg-boss';
import { RESTORED, SLOTS } from './queue.ts';
import { type TiedPlace, tiedSql } from './queue-tie.ts';
import type { WatchedSchedule } from './slot-watch.ts';
import { aheadSql, RECENT } from './take-back.ts';

export interface Look {
  /** The queue and the audit log name each other, and nothing else. */
  readonly tied: boolean;
  /** By the database's clock, in seconds since 1970. */
  readonly now: number;
  /** Something is stamped for an instant to come, or stands in the way for ever: to be taken back. */
  readonly ahead: boolean;
  /** Queues in which a job may be fetched. */
  readonly waiting: readonly string[];
  /** Queues with a job that another replica should have. */
  readonly lost: readonly string[];
  /** Queues that are gone, or have another policy, heartbeat or time limit than they should. */
  readonly changed: readonly string[];
  readonly schedules: readonly WatchedSchedule[];
}

/** SQL of whether so many seconds have passed. Others may write any instant, and one row must not end the statement. */
function isOver(since: string, seconds: string, now: string): string {
  return `case when isfinite(${since}) then ${now} - ${since} > ${seconds} * interval '1 s' end`;
}

/** Follows the conditions of pg-boss's own statements; served by its indexes on name and state, and name and time. */
export async function look(boss: PgBoss, place: TiedPlace, queues: readonly string[]): Promise<Look> {
  const { schema } = place;
  const now = `${schema}.job_now()`;
  const { rows } = await boss.getDb().executeSql(
    `select extract(epoch from ${now})::float8 as now, ${tiedSql(place)} as tied,
            ${aheadSql(schema, '$1::text[]')} as ahead,
            array(select distinct name from ${schema}.job
                   where name = any($1) and state < 'active' and not blocked
                     and start_after <= ${now}) as waiting,
            array(select distinct name from ${schema}.job
                   where name = any($1) and state = 'active'
                     and (${isOver('heartbeat_on', 'heartbeat_seconds', now)}
                          or ${isOver('started_on', 'expire_seconds', now)})) as lost,
            array(select wanted from unnest($1) as wanted
                   where not exists (
                           select from ${schema}.queue
                            where name = wanted and heartbeat_seconds = $3
                              and (name = $5 or policy = $2 and expire_seconds = $4))) as changed,
            (select coalesce(json_agg(json_build_object(
                      'job', name, 'cron', cron, 'timezone', coalesce(timezone, 'UTC'),
                      'updated', extract(epoch from updated_on),
                      'asked', (select extract(epoch from max(created_on)) from ${schema}.job
                                 where job.name = schedule.name and created_on <= ${now}),
                      'served', (select extract(epoch from max(case when state < 'completed' then ${now}
                                                                    when state = 'completed' then started_on
                                                                    when state = 'cancelled' then created_on end))
                                   from (select state, started_on, created_on from ${schema}.job
                                          where job.name = schedule.name and created_on <= ${now}
                                          order by created_on desc limit ${RECENT}) as recent
                                  where state < 'completed' or started_on is null or started_on <= ${now}))), '[]')
               from ${schema}.schedule where name = any($1) and key = '') as schedules`,
    [queues, RESTORED.policy, RESTORED.heartbeatSeconds, RESTORED.expireSeconds, SLOTS],
  );
  return rows[0] as Look;
}
