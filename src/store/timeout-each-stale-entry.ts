import { performance } from 'node:perf_hooks';
import { sql } from 'kysely';
import type { Instant } from '../audit-log/instant.ts';
import { storableText } from '../audit-log/storable-text.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantText } from './instant-text.ts';
import { MOST_OPERATIONS, startedAhead, type TimedOut } from './timeout-stale-entries.ts';
import { inSavepoint } from './transaction.ts';

export interface SkippedEntry {
  readonly id: string;
  /** What the database said, at most {@link MAX_REASON_CHARACTERS} characters. */
  readonly reason: string;
}

/** A refusal may quote what it refuses, however long that is; a thousand of them go into one row and one log line. */
export const MAX_REASON_CHARACTERS = 500;

/** Each entry costs three statements, so one activation times out no more than this and takes no longer. */
const MOST_ENTRIES = 1000;
const LONGEST_MS = 30_000;
/** As many are told; others may have been skipped as well. */
const MOST_SKIPPED = 1000;

export interface OneByOne {
  readonly cutoff: Instant;
  readonly limit: number;
  /** No entry is tried after so long. Default: half a minute. */
  readonly withinMs?: number;
}

/**
 * As `timeoutStaleEntries`, but one entry at a time, each in a savepoint of its own: for a batch that the database
 * refused. Entries that it still refuses are skipped, and others are taken in their place, for `withinMs`.
 */
export async function timeoutEachStaleEntry(
  database: AuditLogDatabase,
  { cutoff, limit, withinMs = LONGEST_MS }: OneByOne,
): Promise<TimedOut & { readonly skipped: readonly SkippedEntry[]; readonly limitReached: boolean }> {
  const most = Math.min(limit, MOST_ENTRIES);
  const timedOut: StaleEntry[] = [];
  const skipped: SkippedEntry[] = [];
  const end = performance.now() + withinMs;
  let last: StaleEntry | undefined;
  let tried: StaleEntry[];
  do {
    tried = await nextStaleEntries(database, { cutoff, limit: most - timedOut.length, after: last });
    for (const entry of tried) {
      if (performance.now() >= end) break;
      const update = await inSavepoint(database, () => timeoutEntry(database, entry.id));
      if (!('refused' in update)) {
        if (update.value) timedOut.push(entry);
      } else if (skipped.length < MOST_SKIPPED) skipped.push({ id: entry.id, reason: reasonOf(update.refused) });
    }
    last = tried.at(-1);
  } while (tried.length > 0 && timedOut.length < most && performance.now() < end);

  return {
    timedOut: timedOut.length,
    oldestStarted: timedOut[0]?.timeStarted ?? null,
    byOperation: countBy(timedOut.map(({ operationId }) => operationId)),
    sampleIds: timedOut.slice(0, 10).map(({ id }) => id),
    skipped,
    // There may be more behind what the time was enough for. Without progress it would be the same next time.
    limitReached: timedOut.length >= most || (timedOut.length > 0 && performance.now() >= end),
  };
}

function reasonOf({ message }: Error): string {
  return storableText(message, MAX_REASON_CHARACTERS) ?? '';
}

interface StaleEntry {
  readonly id: string;
  readonly timeStarted: Instant;
  readonly operationId: string;
}

async function nextStaleEntries(
  { db, schema }: AuditLogDatabase,
  page: { readonly cutoff: Instant; readonly limit: number; readonly after: StaleEntry | undefined },
): Promise<StaleEntry[]> {
  const { cutoff, limit, after } = page;
  return await db
    .selectFrom('audit_log')
    .select(['id', instantText(sql.ref('time_started')).as('timeStarted'), 'operation_id as operationId'])
    .where('time_completed', 'is', null)
    .where(sql<boolean>`(time_started < ${cutoff}::timestamptz or ${startedAhead(schema)})`)
    .$if(after !== undefined, (qb) =>
      qb.where(sql<boolean>`(time_started, id) > (${after?.timeStarted}::timestamptz, ${after?.id}::uuid)`),
    )
    .orderBy('time_started')
    .orderBy('id')
    .limit(limit)
    .forNoKeyUpdate()
    .skipLocked()
    .execute();
}

async function timeoutEntry({ db }: AuditLogDatabase, id: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('audit_log')
    .set({ result_kind: 'timeout' })
    .where('id', '=', id)
    // Not of time_completed: as in `timeoutStaleEntries`.
    .where('result_kind', 'is', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts = [...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length] as const);
  return Object.fromEntries(counts.toSorted(([, one], [, other]) => other - one).slice(0, MOST_OPERATIONS));
}
