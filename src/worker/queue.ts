import { isDeepStrictEqual } from 'node:util';
import type { PgBoss, Schedule } from 'pg-boss';
import { queueRestored, scheduleInstalled } from './events.ts';
import type { Logger } from '../logger.ts';
import { periodSeconds } from './slots.ts';
import { TIMINGS } from './timings.ts';

const POLICY = 'stately';

const { deleteAfterSeconds: KEPT_SECONDS, ...OPTIONS } = TIMINGS.queue;

/**
 * For how long activations are kept: until there are more slots without one than makes a job overdue. With the last one gone
 * nobody could say when it was.
 */
function keptSeconds(schedule: JobSchedule): number {
  const period = periodSeconds(schedule, new Date()) ?? 0;
  return Math.max(KEPT_SECONDS, Math.ceil((TIMINGS.overdueSlots + 1) * period));
}

/** The queue through which pg-boss forwards the slots of all schedules. */
export const SLOTS = '__pgboss__send-it';

/** A replica that is killed while it forwards a slot would otherwise keep it for a quarter of an hour. */
export async function ensureSlotsAreRescued(boss: PgBoss): Promise<void> {
  await boss.createQueue(SLOTS);
  await boss.updateQueue(SLOTS, { heartbeatSeconds: OPTIONS.heartbeatSeconds });
}

/** What a replica checks at each look, and restores: who may use pg-boss may change it. */
export const RESTORED: {
  readonly policy: string;
  readonly heartbeatSeconds: number;
  readonly expireSeconds: number;
} = { policy: POLICY, heartbeatSeconds: OPTIONS.heartbeatSeconds, expireSeconds: OPTIONS.expireInSeconds };

/** Where pg-boss is, and where it is said what was found there. */
export interface QueuePlace {
  readonly schema: string;
  readonly logger: Logger;
  /** Whoever knows it has activations kept for as long as it takes. */
  readonly schedule?: JobSchedule;
}

/**
 * Makes the queue of a job, or restores its policy and options where they are others, and says so. pg-boss's policy
 * `stately` admits one activation that was asked for, one that is to be tried again and one that runs: so requests that
 * come while one runs are all answered by the one after it. pg-boss cannot change a policy, so a queue of another one is
 * made anew, and loses what it has kept of its activations. One that runs there has no effect, and is followed by another.
 */
export async function ensureQueue(boss: PgBoss, name: string, { schema, logger, schedule }: QueuePlace): Promise<void> {
  const wanted = { ...OPTIONS, ...(schedule && { deleteAfterSeconds: keptSeconds(schedule) }) };
  const created = { deleteAfterSeconds: KEPT_SECONDS, ...wanted, policy: POLICY } as const;
  await boss.createQueue(name, created);
  // createQueue leaves a queue alone that exists.
  const { policy, ...found } = (await boss.getQueue(name))!;
  const differing = Object.entries(wanted).filter(([key, value]) => found[key as keyof typeof wanted] !== value);
  if (policy !== POLICY) {
    // The row is locked: of several replicas that find this, one deletes the queue, and the others find none to delete.
    await boss
      .getDb()
      .executeSql(
        `select ${schema}.delete_queue(name) from ${schema}.queue where name = $1 and policy <> $2 for update`,
        [name, POLICY],
      );
    await boss.createQueue(name, created);
  } else if (differing.length > 0) await boss.updateQueue(name, wanted);
  else return;
  // That one goes with the schedule.
  const restored = differing.filter(
    ([key]) => key !== 'deleteAfterSeconds' || found.deleteAfterSeconds! < KEPT_SECONDS,
  );
  if (policy === POLICY && restored.length === 0) return;
  const options = Object.fromEntries(restored.map(([key]) => [key, found[key as keyof typeof wanted] ?? null]));
  queueRestored(logger, { queue: name, found: { ...(policy !== POLICY && { policy }), ...options } });
}

export interface JobSchedule {
  readonly cron: string;
  readonly timezone: string;
}

/** What pg-boss passes on to each activation of a schedule. Marks schedules that sealog has installed. */
const SCHEDULED = { trigger: 'schedule' } as const;

/**
 * Installs a job's schedule where it differs from the one in the database, in what pg-boss sends with it too, and says
 * what it replaced. The last replica
 * to start decides; the others notice (`drift-watch.ts`).
 */
export async function ensureSchedule(boss: PgBoss, name: string, wanted: JobSchedule, logger: Logger): Promise<void> {
  const installed = await boss.getSchedule(name);
  // After an outage, one activation for all the slots that were missed: it completes whatever they would have.
  const row = { ...wanted, kind: 'cron', data: SCHEDULED, options: { tz: wanted.timezone, missed: 'once' } } as const;
  if (
    installed &&
    Object.entries(row).every(([key, value]) => isDeepStrictEqual(installed[key as keyof Schedule], value))
  )
    return;
  await boss.schedule(name, row.cron, row.data, row.options);
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
