import type { PgBoss } from 'pg-boss';
import { scheduleInstalled } from '../events.ts';
import type { Logger } from '../logger.ts';

const OPTIONS = {
  // An attempt that was killed is tried again at once, and one that keeps failing less and less often, for more than a
  // minute in all: the next slot may be long after a lock on the table is gone.
  retryLimit: 5,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 30,
  expireInSeconds: 120,
  heartbeatSeconds: 10,
  deleteAfterSeconds: 30 * 86_400,
} as const;

/** The queue through which pg-boss forwards the slots of all schedules. */
export const SLOTS = '__pgboss__send-it';

/** A replica that is killed while it forwards a slot would otherwise keep it for a quarter of an hour. */
export async function ensureSlotsAreRescued(boss: PgBoss): Promise<void> {
  await boss.updateQueue(SLOTS, { heartbeatSeconds: OPTIONS.heartbeatSeconds });
}

/**
 * Makes the queue of a job, or brings its options up to date. Policy `stately`: one activation runs and at most one
 * waits, so that requests which come while one runs are all answered by the one after it.
 */
export async function ensureQueue(boss: PgBoss, name: string): Promise<void> {
  await boss.createQueue(name, { ...OPTIONS, policy: 'stately' });
  // createQueue leaves a queue alone that exists.
  await boss.updateQueue(name, OPTIONS);
}

export interface JobSchedule {
  readonly cron: string;
  readonly timezone: string;
}

/**
 * Installs a job's schedule where it differs from the one in the database, and says what it replaced. The last replica
 * to start decides; the others notice (`drift-watch.ts`).
 */
export async function ensureSchedule(boss: PgBoss, name: string, wanted: JobSchedule, logger: Logger): Promise<void> {
  const installed = await boss.getSchedule(name);
  if (installed?.cron === wanted.cron && installed.timezone === wanted.timezone) return;
  // After an outage, one activation for all the slots that were missed: it completes whatever they would have.
  await boss.schedule(name, wanted.cron, { trigger: 'schedule' }, { tz: wanted.timezone, missed: 'once' });
  scheduleInstalled(logger, {
    job: name,
    schedule: describeSchedule(wanted),
    previous: installed && describeSchedule(installed),
  });
}

/** A schedule as log lines and `status` show it. */
export function describeSchedule({ cron, timezone }: JobSchedule): string {
  return `${cron} ${timezone}`;
}
