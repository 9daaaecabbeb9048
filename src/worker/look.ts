import type { PgBoss } from 'pg-boss';
import { RESTORED, SLOTS } from './queue.ts';
import type { WatchedSchedule } from './slot-watch.ts';

export interface Look {
  /** By the database's clock, in seconds since 1970. */
  readonly now: number;
  /** A pass of pg-boss was recorded for an instant to come: the database's clock has been set back. */
  readonly ahead: boolean;
  /** Queues in which a job may be fetched. */
  readonly waiting: readonly string[];
  /** Queues with a job that another replica should have. */
  readonly lost: readonly string[];
  /** Queues that are gone, or have another policy, heartbeat or time limit than they should. */
  readonly changed: readonly string[];
  readonly schedules: readonly WatchedSchedule[];
}

/** Of that many of the newest activations it is asked which served a slot. */
const RECENT = 50;

/** SQL of whether so many seconds have passed. Others may write any instant, and one row must not end the statement. */
function isOver(since: string, seconds: string, now: string): string {
  return `case when isfinite(${since}) then ${now} - ${since} > ${seconds} * interval '1 s' end`;
}

/** Follows the conditions of pg-boss's own statements; served by its indexes on name and state, and name and time. */
export async function look(boss: PgBoss, schema: string, queues: readonly string[]): Promise<Look> {
  const now = `${schema}.job_now()`;
  const { rows } = await boss.getDb().executeSql(
    `select extract(epoch from ${now})::float8 as now,
            exists (select from ${schema}.version where cron_on > ${now} + ${TOLERANCE})
              or exists (select from ${schema}.queue where monitor_claim_on > ${now} + ${TOLERANCE}) as ahead,
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

const TOLERANCE = `interval '5 s'`;

/**
 * Brings back to the clock what was stamped before it was set back. pg-boss would otherwise neither forward slots nor
 * supervise until the clock has come there again, and what has ended in the future would count as the latest for as long.
 */
export async function takeBack(boss: PgBoss, schema: string, queues: readonly string[]): Promise<void> {
  const now = `${schema}.job_now()`;
  const isAhead = (stamp: string) => `${stamp} > ${now} + ${TOLERANCE}`;
  // `least` passes over null, and what has not started stays so.
  const clamped = (stamp: string) => `${stamp} = least(${stamp}, case when ${stamp} is not null then ${now} end)`;
  const stamps = ['created_on', 'started_on', 'completed_on'];
  const db = boss.getDb();
  await db.executeSql(
    `update ${schema}.job set ${stamps.map(clamped).join(', ')}
      where name = any($1) and state >= 'completed' and (${stamps.map(isAhead).join(' or ')})`,
    [queues],
  );
  await db.executeSql(`update ${schema}.schedule set ${clamped('updated_on')} where ${isAhead('updated_on')}`, []);
  await db.executeSql(`update ${schema}.instance set ${clamped('heartbeat_on')} where ${isAhead('heartbeat_on')}`, []);
  await db.executeSql(`update ${schema}.version set cron_on = ${now} where ${isAhead('cron_on')}`, []);
  await db.executeSql(`update ${schema}.queue set monitor_claim_on = null where ${isAhead('monitor_claim_on')}`, []);
}
