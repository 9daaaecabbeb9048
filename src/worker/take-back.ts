import type { PgBoss } from 'pg-boss';
import { RESTORED, SLOTS } from './queue.ts';
import { TIMINGS } from './timings.ts';

/** Clocks of a database go on while a statement runs. */
const TOLERANCE = `interval '5 s'`;

/** Twice as long as the longest delay of a retry. Nothing else of ours waits for an instant to come. */
const LONGEST_DELAY = `interval '${2 * TIMINGS.queue.retryDelayMax} s'`;

/** That many of the newest activations are looked at. */
export const RECENT = 50;

/** As pg-boss's index on these says it. */
const UNENDED = `state in ('created', 'retry', 'active')`;

/** What pg-boss stamps as it happens, table by table: none of it can be in the future, unless the clock has been set back. */
const STAMPS = {
  job: ['created_on', 'started_on', 'heartbeat_on', 'completed_on'],
  schedule: ['updated_on'],
  instance: ['heartbeat_on'],
  version: ['cron_on'],
  queue: ['monitor_claim_on', 'monitor_on', 'maintain_on'],
} as const;

/**
 * SQL of whether something is stamped for an instant to come, or stands in the way of all others for ever. It is asked of
 * what is newest and of what has not ended, at each look: an activation that began before the step commits its stamps after it.
 */
export function aheadSql(schema: string, queues: string): string {
  const now = `${schema}.job_now()`;
  const tables = (['schedule', 'instance', 'version', 'queue'] as const).map(
    (table) => `exists (select from ${schema}.${table} where ${isAhead(STAMPS[table], now)})`,
  );
  return `(${tables.join(' or ')}
    or exists (select from unnest(${queues}) as wanted, lateral (
                 (select * from ${schema}.job where name = wanted order by created_on desc limit ${RECENT})
                 union all
                 (select * from ${schema}.job where name = wanted and ${UNENDED})) as job
                where ${isWrong(now)}))`;
}

/**
 * Brings back to the clock what was stamped before it was set back. pg-boss would otherwise neither forward slots nor
 * supervise nor run what waits until the clock has come there again, and what has ended in the future would count as the
 * latest for as long. The same ends what somebody else has put into a queue that could never run or end there.
 */
export async function takeBack(boss: PgBoss, schema: string, queues: readonly string[]): Promise<void> {
  const now = `${schema}.job_now()`;
  // `least` passes over null, and what has not started stays so.
  const clamped = (stamp: string) => `least(${stamp}, case when ${stamp} is not null then ${now} end)`;
  const clamp = (stamp: string) => `${stamp} = ${clamped(stamp)}`;
  const db = boss.getDb();
  await db.executeSql(
    `update ${schema}.job
        set ${['created_on', 'start_after', 'heartbeat_on', 'completed_on'].map(clamp).join(', ')}, blocked = false,
            started_on = case when ${NEVER_BEGAN} then ${now} else ${clamped('started_on')} end,
            expire_seconds = case when ${runsTooLong()} then ${RESTORED.expireSeconds} else expire_seconds end
      where name = any($1) and (${isWrong(now)})`,
    [queues],
  );
  for (const table of ['schedule', 'instance', 'version', 'queue'] as const) {
    const stamps: readonly string[] = STAMPS[table];
    await db.executeSql(
      `update ${schema}.${table} set ${stamps.map(clamp).join(', ')} where ${isAhead(stamps, now)}`,
      [],
    );
  }
}

function isAhead(stamps: readonly string[], now: string): string {
  return stamps.map((stamp) => `${stamp} > ${now} + ${TOLERANCE}`).join(' or ');
}

/** Of a job. */
function isWrong(now: string): string {
  return `${isAhead(STAMPS.job, now)}
          or ${UNENDED} and (start_after > ${now} + ${LONGEST_DELAY} or blocked or ${runsTooLong()} or ${NEVER_BEGAN})`;
}

/** pg-boss ends an attempt by the time since it began. */
const NEVER_BEGAN = `state = 'active' and (started_on is null or not isfinite(started_on))`;

/** No attempt of ours may run for longer. Others may queue the job too, and say so for theirs. */
function runsTooLong(): string {
  return `state = 'active' and name <> '${SLOTS}' and expire_seconds > ${RESTORED.expireSeconds}`;
}
