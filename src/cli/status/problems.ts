import type { RulesState } from '../../store/migrated-rules.ts';
import type { QueueStatus } from '../../worker/queue-status.ts';
import { formatSeconds } from '../table.ts';
import { lastFailure } from './last-failure.ts';
import type { Status } from './read-status.ts';

/** What is wrong, in a word for programs and a sentence for people. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly message: string;
}

export type ProblemKind =
  | 'rules-off'
  | 'rules-unknown'
  | 'no-replica'
  | 'no-schedule'
  | 'schedule-unreadable'
  | 'failed'
  | 'overdue'
  | 'entry-overdue'
  | 'backlog'
  | 'horizon-held'
  | 'queue-held'
  | 'drift'
  | 'skipped';

/** Longer than an activation or a batch of a service should take. */
const HELD_SECONDS = 10;
/** After its timeout an entry waits for a slot, at most. As in the alert. */
const ENTRY_OVERDUE_PERIODS = 2;
/** The most replicas, or rules, that a sentence names. */
const MOST_NAMES = 3;

type Seen = Omit<Status, 'whole' | 'problems'> & Pick<QueueStatus, 'lastSeen'> & { readonly timeoutSeconds: number };
type Check = (status: Seen) => string | undefined;

/** In the order of their urgency: whether the log is kept at all, who is to do the work, whether it is done, what is left of it. */
const CHECKS: readonly (readonly [ProblemKind, Check])[] = [
  ['rules-off', ({ rules }) => rulesOff(rules)],
  ['rules-unknown', ({ rules }) => rules.unread ?? undefined],
  ['no-replica', noReplica],
  ['no-schedule', noSchedule],
  ['schedule-unreadable', scheduleUnreadable],
  ['failed', failed],
  ['overdue', overdue],
  ['entry-overdue', entryOverdue],
  ['backlog', backlog],
  ['queue-held', queueHeld],
  ['horizon-held', horizonHeld],
  ['drift', drift],
  ['skipped', skipped],
];

/** What is wrong with the log or with those who keep it whole, the most urgent first. */
export function problemsOf(status: Seen): Problem[] {
  return CHECKS.flatMap(([kind, check]) => {
    const message = check(status);
    return message === undefined ? [] : [{ kind, message }];
  });
}

export function rulesOff({ off }: RulesState): string | undefined {
  if (off.length === 0) return undefined;
  const named = off.length > MOST_NAMES ? [...off.slice(0, MOST_NAMES), `${off.length - MOST_NAMES} more`] : off;
  return `${counted(off.length, 'rule is', 'rules are')} off: ${named.join('; ')}; run \`sealog migrate\``;
}

function noReplica({ replicas, lastSeen: last, readOn }: Seen): string | undefined {
  if (replicas.length > 0) return undefined;
  const seen = last ? `${last.name} was last seen ${ago(last.lastSeen, readOn)}` : 'start one with `sealog worker`';
  return `no replica is alive; ${seen}`;
}

function noSchedule({ schedule }: Seen): string | undefined {
  return schedule === null ? 'no schedule is installed; a worker that runs installs it' : undefined;
}

function scheduleUnreadable({ schedule, scheduleError }: Seen): string | undefined {
  return scheduleError === null ? undefined : `the installed schedule "${schedule}" cannot be read: ${scheduleError}`;
}

function failed({ lastActivations, readOn }: Seen): string | undefined {
  const last = lastFailure(lastActivations);
  if (!last) return undefined;
  const how = { retry: 'failed and will be tried again', active: 'failed and is being tried again' }[last.state];
  const when = last.completedOn ? ` ${ago(last.completedOn, readOn)}` : '';
  const ended = `${last.state === 'failed' ? 'failed' : 'was cancelled'}${when}`;
  return `the last activation ${how ?? ended}${last.error ? `: ${last.error}` : ''}`;
}

function overdue({ overdueSince, lastActivations, readOn }: Seen): string | undefined {
  if (!overdueSince) return undefined;
  const last = lastActivations.find(({ state }) => state === 'completed')?.completedOn;
  return `no activation has completed for three periods; ${last ? `the last one did ${ago(last, readOn)}` : 'none is known to have completed'}`;
}

/**
 * Activations may succeed all the same: they leave alone an entry whose row another session has locked. That is said
 * where nothing else explains it.
 */
function entryOverdue(seen: Seen): string | undefined {
  const { incomplete, timeoutSeconds, periodSeconds, readOn } = seen;
  if (incomplete.oldestStarted === null || periodSeconds === null) return undefined;
  const started = new Date(incomplete.oldestStarted);
  const periods = ENTRY_OVERDUE_PERIODS * periodSeconds;
  if (readOn.getTime() - started.getTime() <= (timeoutSeconds + periods) * 1000) return undefined;
  const isExplained = [noReplica, failed, overdue, backlog, skipped].some((check) => check(seen) !== undefined);
  const hint = '; if activations succeed, a session may have locked it: see docs/operations.md, "Alert: entry overdue"';
  return `an entry that was started ${ago(started, readOn)} is incomplete two periods after its timeout${isExplained ? '' : hint}`;
}

function backlog({ backlog: { count }, drain }: Seen): string | undefined {
  if (count === 0) return undefined;
  const time =
    drain.seconds === null ? 'it is not known how long they take' : `about ${formatSeconds(drain.seconds)} to drain`;
  return `a backlog of ${counted(count, 'stale entry', 'stale entries')}; ${time}`;
}

function horizonHeld({ horizonHeldBy }: Seen): string | undefined {
  if (!horizonHeldBy || horizonHeldBy.ageSeconds < HELD_SECONDS) return undefined;
  const age = formatSeconds(horizonHeldBy.ageSeconds);
  return `the horizon is held back; readers see nothing that was completed in the last ${age}`;
}

function queueHeld({ queueHeldBy }: Seen): string | undefined {
  if (!queueHeldBy) return undefined;
  const { pid, applicationName, userName } = queueHeldBy;
  const who = [applicationName && `"${applicationName}"`, userName && `user ${userName}`].filter(Boolean).join(', ');
  return `session ${pid}${who && ` (${who})`} holds a lock of pg-boss; lost activations are not taken over; to end it: select pg_terminate_backend(${pid});`;
}

function drift({ scheduleDrift }: Seen): string | undefined {
  if (scheduleDrift.length === 0) return undefined;
  const names = scheduleDrift.map(({ name }) => name);
  const told = names.length > MOST_NAMES ? [...names.slice(0, MOST_NAMES), `${names.length - MOST_NAMES} more`] : names;
  return `${told.join(', ')} ${names.length === 1 ? 'is' : 'are'} configured with another schedule than the installed one`;
}

function skipped({ lastActivations }: Seen): string | undefined {
  const count = lastActivations.find(({ state }) => state === 'completed')?.skipped?.length ?? 0;
  if (count === 0) return undefined;
  return `the database refuses to complete ${counted(count, 'stale entry', 'stale entries')}; readers do not see ${count === 1 ? 'it' : 'them'}`;
}

export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** How long before `now` it was. */
export function ago(instant: Date, now: Date): string {
  return `${formatSeconds((now.getTime() - instant.getTime()) / 1000)} ago`;
}
