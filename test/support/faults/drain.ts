import { activationRows, staleCount } from './activations.ts';
import type { FaultCluster } from './fault-cluster.ts';
import type { Fleet } from './fleet.ts';
import { queueActivation } from './queue-activation.ts';
import { insertStaleEntries } from './stale-entries.ts';
import { waitUntil } from '../wait.ts';

export interface Drain {
  readonly entries: number;
  readonly seconds: number;
  /** That completed something. */
  readonly activations: number;
  /** Wall clock of the kill, if one was made. */
  readonly killedAt: number | undefined;
}

export const DRAIN_TIMEOUT_SECONDS = 14_400;

/**
 * Lets a fleet whose schedule never comes drain a backlog, started by one request, and kills the replica that drains it
 * when half is done.
 */
export async function drainBacklog(
  { cluster, fleet }: { readonly cluster: Pick<FaultCluster, 'pool'>; readonly fleet: Fleet },
  { entries, kill, timeoutMs }: { readonly entries: number; readonly kill: boolean; readonly timeoutMs?: number },
): Promise<Drain> {
  const { pool } = cluster;
  await insertStaleEntries(pool, entries);
  const started = performance.now();
  await queueActivation(pool);
  const stale = async (): Promise<number> => await staleCount(pool, DRAIN_TIMEOUT_SECONDS);
  let killedAt: number | undefined;
  if (kill) {
    await waitUntil('half of the backlog is done', async () => (await stale()) <= entries / 2, timeoutMs);
    const { rows } = await pool.query<{ by: string }>(
      `select output->>'by' as by from pgboss.job
        where name = 'audit-timeout' and state = 'completed' order by completed_on desc limit 1`,
    );
    const busy = fleet.replicas.find(({ name }) => name === rows[0]?.by);
    if (!busy) throw new Error(`no replica drains: ${JSON.stringify(rows)}`);
    killedAt = Date.now();
    await fleet.kill(busy);
  }
  await waitUntil('the backlog is drained', async () => (await stale()) === 0, timeoutMs);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const rows = await activationRows(pool, { timeoutSeconds: DRAIN_TIMEOUT_SECONDS });
  return { entries, seconds, activations: rows.filter(({ timedOut }) => timedOut > 0).length, killedAt };
}
