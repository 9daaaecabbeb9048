/** The log lines of the fleet, one function an event, as in `src/events.ts`. */
import type { Logger } from '../logger.ts';

/**
 * An activation that failed, and changed nothing. It is tried again, or one that waits takes its place, or the next slot
 * does when it has failed for good.
 */
export function activationFailed(
  logger: Logger,
  { job, ...fields }: { readonly job: string; readonly by: string; readonly trigger: string; readonly err: unknown },
): void {
  logger.error(
    { event: `${job}.activation`, ...fields },
    'activation failed and changed nothing; another attempt follows, with the next slot at the latest',
  );
}

/** The connection broke behind the activation's COMMIT. Its outcome is read from the job's row, and then logged. */
export function activationUncertain(
  logger: Logger,
  {
    job,
    ...fields
  }: {
    readonly job: string;
    readonly by: string;
    readonly trigger: string;
    /** Of the row in pg-boss's job table. */
    readonly id: string;
    readonly err: unknown;
  },
): void {
  logger.warn(
    { event: `${job}.activation-uncertain`, ...fields },
    'the answer to the commit of an activation was lost; the row of its job says whether it took effect',
  );
}

/** The worker is ready: its queues are polled and its schedules installed. */
export function workerStarted(logger: Logger, fields: { readonly by: string; readonly jobs: readonly string[] }): void {
  logger.info({ event: 'worker.started', ...fields }, 'worker started');
}

export function workerStopping(logger: Logger, fields: { readonly by: string; readonly signal: string }): void {
  logger.info({ event: 'worker.stopping', ...fields }, 'worker stops when the activation in flight has ended');
}

export function workerStopped(logger: Logger, fields: { readonly by: string }): void {
  logger.info({ event: 'worker.stopped', ...fields }, 'worker stopped');
}

/** The grace is over and something still runs. What it did not commit is undone, and another replica takes over. */
export function shutdownOverdue(logger: Logger, fields: { readonly graceSeconds: number }): void {
  logger.error({ event: 'worker.shutdown-overdue', ...fields }, 'shutdown took longer than its grace; exiting at once');
}

/** A session keeps the change of a schema waiting for a lock. It waits on, and says so again. */
export function migrationBlocked(logger: Logger, blocker: object): void {
  logger.warn({ event: 'migration.blocked', ...blocker }, 'a session holds a lock that the migration waits for');
}

/** This replica's schedule replaced another one, or none. */
export function scheduleInstalled(
  logger: Logger,
  fields: { readonly job: string; readonly schedule: string; readonly previous: string | null },
): void {
  logger.info({ event: 'schedule.installed', ...fields }, 'installed the schedule');
}

/** A schedule of sealog's whose job no replica has any more. */
export function scheduleRemoved(logger: Logger, fields: { readonly job: string; readonly schedule: string }): void {
  logger.info({ event: 'schedule.removed', ...fields }, 'removed the schedule of a job that no longer exists');
}

/** The installed schedule is no cron expression that could be read: its slots are not watched over. */
export function scheduleUnreadable(logger: Logger, fields: { readonly job: string; readonly installed: string }): void {
  logger.error({ event: 'schedule.unreadable', ...fields }, 'the installed schedule cannot be read');
}

/** A slot has passed, and no activation was asked for or the one that was has failed for good: this replica asked. */
export function slotUnserved(
  logger: Logger,
  fields: { readonly job: string; readonly slot: string; readonly reason: 'missed' | 'failed' },
): void {
  logger.warn({ event: 'schedule.slot-unserved', ...fields }, 'no activation has served a slot; asked for one');
}

/** Somebody had changed a queue or made it anew, with another policy or other options. */
export function queueRestored(
  logger: Logger,
  fields: { readonly queue: string; readonly found: Readonly<Record<string, unknown>> },
): void {
  logger.warn({ event: 'queue.restored', ...fields }, 'a queue had another policy or other options; restored it');
}

/** For a minute the database has let this replica log in no more: it ends, because waiting would not help. */
export function workerRefused(logger: Logger, fields: { readonly by: string; readonly err: unknown }): void {
  logger.error({ event: 'worker.refused', ...fields }, 'the database lets this replica log in no more; it ends');
}

/** Another schedule is installed than the one that this replica was configured with. The installed one holds. */
export function scheduleDrifts(
  logger: Logger,
  fields: { readonly job: string; readonly configured: string; readonly installed: string },
): void {
  logger.warn(
    { event: 'schedule.drift', ...fields },
    'the installed schedule differs from the configured one and holds',
  );
}

export function scheduleAgrees(logger: Logger, fields: { readonly job: string; readonly schedule: string }): void {
  logger.info({ event: 'schedule.agrees', ...fields }, 'the installed schedule is the configured one again');
}

/** Something that is done again and again failed. `omitted` counts the same errors since the last of these lines. */
export interface RepeatedError {
  readonly err: unknown;
  readonly omitted: number;
}

/** pg-boss, or a poll of its queues, failed: fetching a job, a cron pass, maintenance. The next one follows by itself. */
export function queueError(logger: Logger, fields: RepeatedError): void {
  logger.error({ event: 'queue.error', ...fields }, 'pg-boss reported an error');
}

export function queueWarning(logger: Logger, fields: { readonly warning: string; readonly data: unknown }): void {
  logger.warn({ event: 'queue.warning', ...fields }, 'pg-boss reported a warning');
}

/** This replica could not write its heartbeat (which also seals), or remove it on shutdown. It keeps working. */
export function checkInError(logger: Logger, fields: RepeatedError): void {
  logger.error({ event: 'check-in.error', ...fields }, 'could not check in with the fleet, or out');
}

/** A scrape was answered without what could not be asked. */
export function metricsError(logger: Logger, fields: RepeatedError): void {
  logger.error({ event: 'metrics.error', ...fields }, 'could not measure; the answer to the scrape lacks it');
}

export function httpStarted(logger: Logger, fields: { readonly host: string; readonly port: number }): void {
  logger.info({ event: 'http.started', ...fields }, 'answers /healthz, /readyz and /metrics');
}

export function httpError(logger: Logger, fields: { readonly path: string; readonly err: unknown }): void {
  logger.error({ event: 'http.error', ...fields }, 'could not answer a request');
}
