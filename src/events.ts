/**
 * The log lines of the library and of all rooms, one function an event; those of the fleet are in `worker/events.ts`. A line
 * has a constant message, and its values are fields; `event` is its name. Nothing else in `src/` calls a logger.
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

interface AnsweredRequest {
  readonly operationId: string;
  readonly status: number;
  readonly err: unknown;
}

/** A request was refused before its handler, and that could not be recorded. Its operation did not run. */
export function refusalLost(logger: Logger, fields: AnsweredRequest): void {
  logger.error(
    { event: 'audit-log.refusal-lost', ...fields },
    'could not record a request that was refused; its operation did not run',
  );
}

/** A request was answered below 400 without its handler, by a hook or a middleware, and that could not be recorded. */
export function hookAnswerLost(logger: Logger, fields: AnsweredRequest): void {
  logger.error(
    { event: 'audit-log.hook-answer-lost', ...fields },
    'could not record a request that was answered without its handler; what answered it has no entry',
  );
}

/** A hook has sent an answer, and the framework would have run the handler. It does not run. */
export function replyNotReturned(
  logger: Logger,
  fields: { readonly route: string; readonly operationId: string; readonly status: number },
): void {
  logger.warn(
    { event: 'audit-log.reply-not-returned', ...fields },
    'a hook answered without returning the reply; the handler was kept from running: return the reply in that hook',
  );
}

/** Express: an operation ran without an entry: its request never came to the middleware, or that did not find its route. */
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

/** Not an error yet: a database that is restarting, or a schema that is still being migrated. */
export function waitingForDatabase(
  logger: Logger,
  fields: { readonly reason: string; readonly attempt: number },
): void {
  logger.warn({ event: 'database.waiting', ...fields }, 'the database is not ready; trying again');
}

export function settingsWarning(logger: Logger, fields: { readonly warning: string }): void {
  logger.warn({ event: 'config.warning', ...fields }, 'a setting is allowed but unusual');
}
