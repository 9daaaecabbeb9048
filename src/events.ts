/**
 * Every log line of sealog, one function an event. A line has a constant message, and its values are fields; `event`
 * is its name. Nothing else in `src/` calls a logger.
 */
import type { Logger } from './logger.ts';

/** An outcome could not be recorded. The entry stays incomplete, and the worker will complete it as `timeout`. */
export function completionLost(logger: Logger, fields: { readonly entryId: string; readonly err: unknown }): void {
  logger.error(
    { event: 'audit-log.completion-lost', ...fields },
    'could not record the outcome of an operation; the entry is left to the audit-timeout job',
  );
}

/** What a service wanted to say of an outcome could not be used. The outcome itself is recorded without it. */
export function descriptionLost(logger: Logger, fields: { readonly entryId: string; readonly err: unknown }): void {
  logger.error(
    { event: 'audit-log.description-lost', ...fields },
    'could not describe the outcome of an operation; it is recorded without the description',
  );
}

/** A function that the service gave to an integration threw. The entry is recorded without that part. */
export function requestNotDescribed(
  logger: Logger,
  fields: { readonly operationId: string; readonly what: string; readonly err: unknown },
): void {
  logger.error(
    { event: 'audit-log.request-not-described', ...fields },
    'could not describe a request; its entry is recorded without that part',
  );
}

/** A request was refused before its handler, and that could not be recorded. Its operation did not run. */
export function refusalLost(logger: Logger, fields: { readonly operationId: string; readonly err: unknown }): void {
  logger.error(
    { event: 'audit-log.refusal-lost', ...fields },
    'could not record a request that was refused; its operation did not run',
  );
}

/** Express: an operation ran without an entry, because its request never came to the middleware. */
export function operationUnaudited(logger: Logger, fields: { readonly operationId: string }): void {
  logger.error(
    { event: 'audit-log.operation-unaudited', ...fields },
    'an operation was answered without an entry; put the audit middleware in front of its handler',
  );
}

/** An idle connection broke. The pool replaces it when it needs one. */
export function connectionLost(logger: Logger, fields: { readonly err: unknown }): void {
  logger.warn({ event: 'database.connection-lost', ...fields }, 'lost an idle database connection');
}

/** One activation of the `audit-timeout` job that committed. */
export function auditTimeoutActivation(
  logger: Logger,
  outcome: { readonly timedOut: number; readonly limitReached: boolean; readonly skipped: readonly unknown[] },
): void {
  const fields = { event: 'audit-timeout.activation', ...outcome };
  if (outcome.timedOut > 0 || outcome.limitReached || outcome.skipped.length > 0) {
    logger.warn(fields, 'completed stale entries as timeout: may indicate crashes or bugs in the service');
  } else {
    logger.debug(fields, 'no stale entries');
  }
}

/** An activation that failed, and changed nothing. The job is tried again, and the next slot comes anyway. */
export function activationFailed(
  logger: Logger,
  { job, ...fields }: { readonly job: string; readonly by: string; readonly trigger: string; readonly err: unknown },
): void {
  logger.error(
    { event: `${job}.activation`, ...fields },
    'activation failed and changed nothing; it will be tried again',
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

/** Not an error yet: a database that is restarting, or a schema that is still being migrated. */
export function waitingForDatabase(
  logger: Logger,
  fields: { readonly reason: string; readonly attempt: number },
): void {
  logger.warn({ event: 'database.waiting', ...fields }, 'the database is not ready; trying again');
}

/** This replica's schedule replaced another one, or none. */
export function scheduleInstalled(
  logger: Logger,
  fields: { readonly job: string; readonly schedule: string; readonly previous: string | null },
): void {
  logger.info({ event: 'schedule.installed', ...fields }, 'installed the schedule');
}

export function settingsWarning(logger: Logger, fields: { readonly warning: string }): void {
  logger.warn({ event: 'config.warning', ...fields }, 'a setting is allowed but unusual');
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

/** pg-boss, or a look at its queues, failed: fetching a job, a cron pass, maintenance. It goes on by itself. */
export function queueError(logger: Logger, fields: RepeatedError): void {
  logger.error({ event: 'queue.error', ...fields }, 'pg-boss reported an error');
}

export function queueWarning(logger: Logger, fields: { readonly warning: string; readonly data: unknown }): void {
  logger.warn({ event: 'queue.warning', ...fields }, 'pg-boss reported a warning');
}

/** This replica could not tell the fleet that it is there, and seal, or that it is gone. It goes on all the same. */
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
