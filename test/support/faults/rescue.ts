import { setTimeout as delay } from 'node:timers/promises';
import { activationRows, staleCount } from './activations.ts';
import type { FaultCluster } from './fault-cluster.ts';
import type { Fleet, Replica } from './fleet.ts';
import { queueActivation, untilCompleted, untilIdle } from './queue-activation.ts';
import { insertStaleEntries } from './stale-entries.ts';
import { holdTable, WAITING_FOR_TABLE } from './table-hold.ts';
import { waitUntil } from '../wait.ts';

export interface Rescue {
  /** The replica that ran the activation and was taken away. */
  readonly victim: string;
  readonly rescuer: string | null;
  /** From the fault to the completed activation. */
  readonly ms: number;
  readonly timedOut: number;
}

type Place = { readonly cluster: Pick<FaultCluster, 'url' | 'pool'>; readonly fleet: Fleet };

/** What the rescued fleets are configured with: no schedule of their own gets in the way, and no backlog is drained. */
export const RESCUE_SETTINGS = {
  SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 0 1 1 *',
  SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '500',
  SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLOG: 'false',
};
export const TIMEOUT_SECONDS = 14_400;

/** Catches a replica in the middle of an activation, kills it, and waits until another has completed it. */
export async function killInActivation(place: Place, staleEntries: number): Promise<Rescue> {
  return await faultInActivation(place, staleEntries, async (victim) => await place.fleet.kill(victim));
}

/**
 * The same with a replica that is paused, so long after the activation began, and goes on when the other has completed
 * its activation.
 */
export async function pauseInActivation(place: Place, staleEntries: number, afterMs = 0): Promise<Rescue> {
  let paused: Replica | undefined;
  const rescue = await faultInActivation(place, staleEntries, async (victim) => {
    await delay(afterMs);
    place.fleet.pause((paused = victim));
  });
  place.fleet.resume(paused!);
  // Its attempt ends in an error: it no longer holds the job, or the server has ended its transaction.
  const failed = (): boolean => paused!.events('audit-timeout.activation').some(({ err }) => err !== undefined);
  // At the latest when it gives up on the answer that never comes.
  await waitUntil('the paused replica says that its activation failed', failed, 90_000);
  await untilIdle(place.cluster.pool);
  return rescue;
}

async function faultInActivation(
  { cluster, fleet }: Place,
  staleEntries: number,
  fault: (victim: Replica) => Promise<void>,
): Promise<Rescue> {
  const { pool, url } = cluster;
  await untilIdle(pool);
  await insertStaleEntries(pool, Math.max(0, staleEntries - (await staleCount(pool, TIMEOUT_SECONDS))));
  await using hold = await holdTable(url);
  const id = await queueActivation(pool);
  await waitUntil('an activation waits for the table', () => hold.isWaitedFor());
  const { rows } = await pool.query<{ name: string }>(
    `select substr(application_name, 8) as name from pg_stat_activity
      where pid in (${WAITING_FOR_TABLE}) limit 1`,
  );
  const victim = fleet.replicas.find(({ name }) => name === rows[0]?.name);
  if (!victim) throw new Error(`no replica runs the activation: ${JSON.stringify(rows)}`);
  await fault(victim);
  const started = performance.now();
  await delay(100);
  await hold.release();
  await untilCompleted(pool, id, 90_000);
  const ms = Math.round(performance.now() - started);
  const row = (await activationRows(pool, { timeoutSeconds: TIMEOUT_SECONDS })).find((one) => one.id === id);
  return { victim: victim.name, rescuer: row?.by ?? null, ms, timedOut: row?.timedOut ?? 0 };
}
