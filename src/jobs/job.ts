import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';

/** Why an activation runs. */
export type Trigger = 'schedule' | 'startup' | 'manual' | 'backlog';

/** What an activation may use. It takes no other input: the table is the truth, and the job only a wake-up. */
export interface Activation {
  /** The transaction in which the job is also marked as completed. */
  readonly database: AuditLogDatabase;
  readonly settings: Settings;
  /** The replica that runs it. */
  readonly by: string;
  readonly trigger: Trigger;
  /** How often its limit is halved: at each retry, when the attempt before this one ran out of time. */
  readonly halvings: number;
}

/** The limit of one attempt, at least 1: a batch that took too long is not repeated as it was. */
export function limitOfAttempt(limit: number, { halvings }: Pick<Activation, 'halvings'>): number {
  return Math.max(1, Math.floor(limit / 2 ** halvings));
}

/** What every activation tells. It is stored as the output of the job, so it must be representable as JSON. */
export interface Outcome {
  readonly by: string;
  readonly trigger: Trigger;
  /** It stopped at its limit: there may be a backlog. */
  readonly limitReached: boolean;
  readonly durationMs: number;
}

/**
 * One recurring job of the worker. An activation is idempotent, bounded by a limit, never repeats itself (the next
 * slot does), and may run on any replica; only one runs at a time across the fleet.
 */
export interface Job<O extends Outcome = Outcome> {
  /** Name of its queue. */
  readonly name: string;
  /** When it runs: a five-field cron expression and its time zone. */
  schedule(settings: Settings): { readonly cron: string; readonly timezone: string };
  /** Whether another activation follows at once when one reached its limit. */
  drainBacklog(settings: Settings): boolean;
  activate(activation: Activation): Promise<O>;
  /** What an activation would do now, without doing it. */
  preview(activation: Pick<Activation, 'database' | 'settings'>): Promise<object>;
  /** The one log line of an activation that committed. */
  logOutcome(logger: Logger, outcome: O): void;
}
