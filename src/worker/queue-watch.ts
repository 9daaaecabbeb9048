import { performance } from 'node:perf_hooks';
import type { PgBoss } from 'pg-boss';
import { JOBS } from '../jobs/jobs.ts';
import type { Logger } from '../logger.ts';
import type { ScheduledJob } from './drift-watch.ts';
import { SLOTS } from './queue.ts';
import { repeat } from './repeat.ts';
import { slotWatch, type WatchedSchedule } from './slot-watch.ts';

/** How often a replica looks, in milliseconds. A lost activation is taken over within 30 s: docs/reliability.md. */
const LOOK_MS = 5000;
/** How soon after a slot was found: the activation that it becomes waits by then. */
const SOON_MS = 500;

export interface QueueWatchOptions {
  readonly boss: PgBoss;
  /** Of pg-boss. */
  readonly schema: string;
  readonly logger: Logger;
  /** Told the schedules that are installed, at each look. */
  readonly onSchedules: (installed: readonly ScheduledJob[]) => void;
}

export interface QueueWatch extends AsyncDisposable {
  /** How long ago a look has ended, also one that failed, in milliseconds. */
  sinceLookedMs(): number;
}

/**
 * Looks at the queues, now and every five seconds, with one statement for what pg-boss would find out with many: polls
 * where something waits, and supervises where an activation has lost its replica or its time. pg-boss's own polls and
 * supervision are set to be rare (`boss.ts`), and would do in the end what this does soon.
 */
export async function watchQueues(options: QueueWatchOptions): Promise<QueueWatch> {
  const { boss, schema, logger, onSchedules } = options;
  const queues = [...JOBS.map(({ name }) => name), SLOTS];
  const askForMissed = slotWatch(boss);
  let intervalMs = LOOK_MS;
  let looked = performance.now();
  const lookOnce = async (): Promise<void> => {
    intervalMs = LOOK_MS;
    const { now, ahead, waiting, lost, schedules } = await look(boss, schema, queues).finally(() => {
      looked = performance.now();
    });
    for (const { id, name } of boss.getWipData({ includeInternal: true })) {
      if (waiting.includes(name)) boss.notifyWorker(id);
    }
    if (waiting.includes(SLOTS)) intervalMs = SOON_MS;
    onSchedules(schedules);
    if (ahead) await takeBack(boss, schema);
    await askForMissed(now, schedules);
    for (const name of lost) await boss.supervise(name);
  };
  const looking = await repeat(lookOnce, { intervalMs: () => intervalMs, logger });
  return { ...looking, sinceLookedMs: () => performance.now() - looked };
}

interface Look {
  /** By the database's clock, in seconds since 1970. */
  readonly now: number;
  /** A pass of pg-boss was recorded for an instant to come: the database's clock has been set back. */
  readonly ahead: boolean;
  /** Queues in which a job may be fetched. */
  readonly waiting: readonly string[];
  /** Queues with a job that another replica should have. */
  readonly lost: readonly string[];
  readonly schedules: readonly WatchedSchedule[];
}

/** Follows the conditions of pg-boss's own statements; served by its indexes on name and state. */
async function look(boss: PgBoss, schema: string, queues: readonly string[]): Promise<Look> {
  const { rows } = await boss.getDb().executeSql(
    `select extract(epoch from ${schema}.job_now())::float8 as now,
            exists (select from ${schema}.version where cron_on > ${schema}.job_now() + ${TOLERANCE})
              or exists (select from ${schema}.queue where monitor_claim_on > ${schema}.job_now() + ${TOLERANCE}) as ahead,
            array(select distinct name from ${schema}.job
                   where name = any($1) and state < 'active' and not blocked
                     and start_after <= ${schema}.job_now()) as waiting,
            array(select distinct name from ${schema}.job
                   where name = any($1) and state = 'active'
                     and (heartbeat_on + heartbeat_seconds * interval '1 s' < ${schema}.job_now()
                          or started_on + expire_seconds * interval '1 s' < ${schema}.job_now())) as lost,
            (select coalesce(json_agg(json_build_object(
                      'job', name, 'cron', cron, 'timezone', timezone, 'updated', extract(epoch from updated_on),
                      'asked', (select extract(epoch from max(created_on)) from ${schema}.job
                                 where job.name = schedule.name and created_on <= ${schema}.job_now()))), '[]')
               from ${schema}.schedule where name = any($1) and key = '') as schedules`,
    [queues],
  );
  return rows[0] as Look;
}

const TOLERANCE = `interval '5 s'`;

/** pg-boss would otherwise neither forward slots nor supervise until the clock has come there again. */
async function takeBack(boss: PgBoss, schema: string): Promise<void> {
  const isAhead = (stamp: string) => `${stamp} > ${schema}.job_now() + ${TOLERANCE}`;
  await boss
    .getDb()
    .executeSql(`update ${schema}.version set cron_on = ${schema}.job_now() where ${isAhead('cron_on')}`, []);
  await boss
    .getDb()
    .executeSql(`update ${schema}.queue set monitor_claim_on = null where ${isAhead('monitor_claim_on')}`, []);
}
