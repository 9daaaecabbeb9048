/**
 * The `audit-timeout` job: completes stale entries with result `timeout`, which readers see as `unknown`.
 *
 * A service that crashes between beginning and completing an entry leaves it incomplete, and readers see only
 * completed entries: without this job the operation would be missing for good. An entry is stale when it was started
 * before the cutoff, which is the activation's time less `auditTimeout.timeoutSeconds`, by the database's clock; or more than a
 * day ahead of that clock.
 * One activation completes at most `auditTimeout.maxUpdatePerActivation` entries, oldest first, and half as many at each
 * retry of an attempt that ran out of time.
 *
 * It does not say that an operation failed: only that its outcome was not recorded.
 */
import { performance } from 'node:perf_hooks';
import type { Instant } from '../audit-log/instant.ts';
import { auditTimeoutActivation } from '../events.ts';
import { countIncomplete } from '../store/count-incomplete.ts';
import { readCutoff } from '../store/read-cutoff.ts';
import { timeoutEachStaleEntry, type SkippedEntry } from '../store/timeout-each-stale-entry.ts';
import { timeoutStaleEntries, type TimedOut } from '../store/timeout-stale-entries.ts';
import { inSavepoint } from '../store/transaction.ts';
import { type Activation, type Job, limitOfAttempt, type Outcome } from './job.ts';

export interface AuditTimeoutOutcome extends Outcome, TimedOut {
  readonly cutoff: Instant;
  readonly limit: number;
  /** Entries that the database refused to update. They stay incomplete, and the log stays silent about them. */
  readonly skipped: readonly SkippedEntry[];
}

export const auditTimeout: Job<AuditTimeoutOutcome> = {
  name: 'audit-timeout',
  schedule: ({ auditTimeout: { schedule, timezone } }) => ({ cron: schedule, timezone }),
  drainBacklog: ({ auditTimeout: { drainBacklog } }) => drainBacklog,
  activate,
  async preview({ database, settings }) {
    const { timeoutSeconds, maxUpdatePerActivation: limit } = settings.auditTimeout;
    const cutoff = await readCutoff(database, timeoutSeconds);
    const { stale, oldestStarted } = await countIncomplete(database, cutoff);
    return { cutoff, limit, stale, oldestStarted, wouldTimeOut: Math.min(stale, limit) };
  },
  logOutcome: auditTimeoutActivation,
};

async function activate({ database, settings, by, trigger, halvings }: Activation): Promise<AuditTimeoutOutcome> {
  const started = performance.now();
  const { timeoutSeconds, maxUpdatePerActivation } = settings.auditTimeout;
  const limit = limitOfAttempt(maxUpdatePerActivation, { halvings });
  const cutoff = await readCutoff(database, timeoutSeconds);
  const done = await timeoutWhatCanBe(database, { cutoff, limit });
  return {
    by,
    trigger,
    cutoff,
    limit,
    ...done,
    durationMs: Math.round(performance.now() - started),
  };
}

type Done = TimedOut & Pick<AuditTimeoutOutcome, 'skipped' | 'limitReached'>;

async function timeoutWhatCanBe(
  database: Activation['database'],
  { cutoff, limit }: { readonly cutoff: Instant; readonly limit: number },
): Promise<Done> {
  const batch = await inSavepoint(database, () => timeoutStaleEntries(database, { cutoff, limit }));
  if ('value' in batch) return { ...batch.value, skipped: [], limitReached: batch.value.timedOut >= limit };
  // One entry that the database refuses would otherwise make every activation fail, for ever: it stays the oldest.
  return await timeoutEachStaleEntry(database, { cutoff, limit });
}
