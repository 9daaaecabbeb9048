import type { Settings } from '../../config/settings.ts';
import type { AuditTimeoutOutcome } from '../../jobs/audit-timeout.ts';
import type { QueueStatus } from '../../worker/queue-status.ts';
import { lastFailure } from './last-failure.ts';

/** What it takes until no entry is stale any more. */
export interface Drain {
  readonly activations: number;
  /**
   * From now on, about. Null when no worker is there to do it, while activations fail, or when none has reached its
   * limit lately to measure by.
   */
  readonly seconds: number | null;
}

/** An activation that has completed, with what it told. */
export type Completed = Pick<AuditTimeoutOutcome, 'limit' | 'limitReached' | 'trigger' | 'durationMs'> & {
  readonly startedOn: Date | null;
};

/**
 * How long `stale` entries take. With `drainBacklog` activations follow each other as fast as the latest ones did that
 * reached their limit; without it there is one a period. `completed` are the latest, newest first.
 */
export function drainOf(
  stale: number,
  completed: readonly Completed[],
  queue: Pick<QueueStatus, 'readOn' | 'nextRun' | 'periodSeconds' | 'lastActivations' | 'replicas'>,
  { maxUpdatePerActivation, drainBacklog }: Settings['auditTimeout'],
): Drain {
  // The fleet's own limit, where it has told: this process may be configured otherwise.
  const activations = Math.ceil(stale / (completed[0]?.limit ?? maxUpdatePerActivation));
  const { readOn, nextRun, periodSeconds, lastActivations, replicas } = queue;
  if (activations === 0) return { activations, seconds: 0 };
  const isUnderWay = lastActivations.some(({ state }) => ['created', 'retry', 'active'].includes(state));
  const wait = isUnderWay ? 0 : secondsBetween(readOn, nextRun);
  const each = drainBacklog ? measuredSeconds(completed) : periodSeconds;
  const between = activations === 1 ? 0 : each && each * (activations - 1);
  const last = measuredSeconds(completed) ?? 0;
  const isStuck = replicas.length === 0 || lastFailure(lastActivations) !== undefined;
  if (isStuck || wait === null || between === null) return { activations, seconds: null };
  return { activations, seconds: wait + between + last };
}

/**
 * What an activation that reached its limit took lately, the median: from its start to the start of the one behind it,
 * or as it told where there is none.
 */
function measuredSeconds(completed: readonly Completed[]): number | null {
  const measured = completed.flatMap(({ limitReached, startedOn, durationMs }, index) => {
    if (!limitReached) return [];
    const next = completed[index - 1];
    const behind = next?.trigger === 'backlog' && startedOn ? secondsBetween(startedOn, next.startedOn) : null;
    return [behind ?? durationMs / 1000];
  });
  return measured.toSorted((a, b) => a - b)[Math.floor(measured.length / 2)] ?? null;
}

function secondsBetween(from: Date, to: Date | null): number | null {
  return to && Math.max(0, (to.getTime() - from.getTime()) / 1000);
}
