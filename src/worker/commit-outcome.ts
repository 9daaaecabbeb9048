import { setTimeout as delay } from 'node:timers/promises';
import type { JobWithMetadata, PgBoss } from 'pg-boss';
import type { Timings } from './timings.ts';

export interface UncertainAttempt {
  readonly boss: PgBoss;
  /** Of pg-boss. */
  readonly schema: string;
  readonly attempt: Pick<JobWithMetadata, 'id' | 'name' | 'retryCount'>;
  /** Aborted when the replica has stopped. */
  readonly stopped: AbortSignal;
  readonly timings: Timings;
}

/**
 * Whether an attempt has committed whose COMMIT was not answered, from the row of its job. The transaction had locked the
 * row, so what is read behind that lock is final. Undefined when the database gave no answer in time.
 */
export async function hasCommitted({
  boss,
  schema,
  attempt,
  stopped,
  timings,
}: UncertainAttempt): Promise<boolean | undefined> {
  const { id, name, retryCount } = attempt;
  const end = performance.now() + timings.uncertainMs;
  while (!stopped.aborted && performance.now() < end) {
    try {
      const { rows } = await boss.getDb().executeSql(
        `select state = 'completed' and retry_count = $3 as committed
           from ${schema}.job where name = $1 and id = $2 for share`,
        [name, id, retryCount],
      );
      // None: pg-boss has put another row in its place, just now.
      const [found] = rows as { committed: boolean }[];
      if (found) return found.committed;
    } catch {
      // The database is not back yet.
    }
    await delay(timings.uncertainPollMs, undefined, { signal: stopped }).catch(() => {});
  }
  return undefined;
}
