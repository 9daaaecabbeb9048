import type { PgBoss } from 'pg-boss';
import { JOBS } from '../jobs/jobs.ts';
import type { Logger } from '../logger.ts';
import type { ScheduledJob } from './drift-watch.ts';
import { repeat } from './repeat.ts';

/** The queue through which pg-boss forwards the slots of all schedules. */
const SLOTS = '__pgboss__send-it';
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

/**
 * Looks at the queues, now and every five seconds, with one statement for what pg-boss would find out with many: polls
 * where something waits, and supervises where an activation has lost its replica or its time. pg-boss's own polls and
 * supervision are set to be rare (`boss.ts`), and would do in the end what this does soon.
 */
export async function watchQueues(options: QueueWatchOptions): Promise<AsyncDisposable> {
  const { boss, schema, logger, onSchedules } = options;
  const queues = [...JOBS.map(({ name }) => name), SLOTS];
  let intervalMs = LOOK_MS;
  const lookOnce = async (): Promise<void> => {
    intervalMs = LOOK_MS;
    const { waiting, lost, schedules } = await look(boss, schema, queues);
    for (const { id, name } of boss.getWipData({ includeInternal: true })) {
      if (waiting.includes(name)) boss.notifyWorker(id);
    }
    if (waiting.includes(SLOTS)) intervalMs = SOON_MS;
    onSchedules(schedules);
    for (const name of lost) await boss.supervise(name);
  };
  return await repeat(lookOnce, { intervalMs: () => intervalMs, logger });
}

interface Look {
  /** Queues in which a job may be fetched. */
  readonly waiting: readonly string[];
  /** Queues with a job that another replica should have. */
  readonly lost: readonly string[];
  readonly schedules: readonly ScheduledJob[];
}

/** Follows the conditions of pg-boss's own statements; served by its indexes on name and state. */
async function look(boss: PgBoss, schema: string, queues: readonly string[]): Promise<Look> {
  const { rows } = await boss.getDb().executeSql(
    `select array(select distinct name from ${schema}.job
                   where name = any($1) and state < 'active' and not blocked
                     and start_after <= ${schema}.job_now()) as waiting,
            array(select distinct name from ${schema}.job
                   where name = any($1) and state = 'active'
                     and (heartbeat_on + heartbeat_seconds * interval '1 s' < ${schema}.job_now()
                          or started_on + expire_seconds * interval '1 s' < ${schema}.job_now())) as lost,
            (select coalesce(json_agg(json_build_object('job', name, 'cron', cron, 'timezone', timezone)), '[]')
               from ${schema}.schedule where name = any($1) and key = '') as schedules`,
    [queues],
  );
  return rows[0] as Look;
}
