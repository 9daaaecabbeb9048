import type { Pool } from 'pg';
import { waitUntil } from '../wait.ts';
import type { Fleet, Replica } from './fleet.ts';

export async function installedSchedule(pool: Pick<Pool, 'query'>): Promise<string | undefined> {
  const { rows } = await pool.query<{ cron: string }>(`select cron from pgboss.schedule where name = 'audit-timeout'`);
  return rows[0]?.cron;
}

export interface Rolled {
  readonly problems: readonly string[];
  /** From the change of the schedule until a replica that still had the old one said so at warn. */
  readonly driftMs: readonly number[];
}

/**
 * Rolls a fleet over to another schedule, one replica after the other, as a deploy does: starts the new one, waits
 * until every replica with the old schedule has said so, in its log and in the table, and then ends the old one.
 */
export async function rollSchedule(
  fleet: Fleet,
  pool: Pick<Pool, 'query'>,
  { cron, generation }: { readonly cron: string; readonly generation: number },
): Promise<Rolled> {
  const problems: string[] = [];
  const driftMs: number[] = [];
  const old = [...fleet.replicas];
  const installed = `${cron} UTC`;
  const tells = (replica: Replica): boolean =>
    replica.events('schedule.drift').some((line) => line.level === 40 && line['installed'] === installed);
  for (const [index, leaving] of old.entries()) {
    const name = `${leaving.name.split('-')[0]}-${generation}`;
    await fleet.ready(await fleet.start(name, { env: { SEALOG_AUDIT_TIMEOUT_SCHEDULE: cron } }));
    if ((await installedSchedule(pool)) !== cron) problems.push(`${name} started, and ${cron} is not installed`);
    if (index === 0) {
      const changed = performance.now();
      for (const replica of old) {
        await waitUntil(`${replica.name} tells that its schedule differs`, () => tells(replica), 40_000);
        driftMs.push(Math.round(performance.now() - changed));
      }
    }
    const shown = await driftingReplicas(pool);
    const expected = old.slice(index).map((replica) => replica.name);
    if (shown.join() !== expected.toSorted().join()) problems.push(`drift of ${shown.join()}, not ${expected.join()}`);
    const { code } = await fleet.terminate(leaving);
    if (code !== 0) problems.push(`${leaving.name} ended with ${code}`);
  }
  if ((await driftingReplicas(pool)).length > 0) problems.push('a replica drifts although all have the same schedule');
  if ((await installedSchedule(pool)) !== cron) problems.push(`${cron} did not win`);
  return { problems, driftMs };
}

/** Replicas whose configured schedule is not the installed one, by name, from the table that `status` reads. */
export async function driftingReplicas(pool: Pick<Pool, 'query'>): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select replica.name from sealog.replica join pgboss.schedule on schedule.name = replica.job
      where (replica.cron, replica.timezone) is distinct from (schedule.cron, schedule.timezone) order by replica.name`,
  );
  return rows.map(({ name }) => name);
}
