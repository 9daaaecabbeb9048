import type { Instance, PgBoss } from 'pg-boss';

// pg-boss tells the oldest first and keeps up to a thousand that are dead: its default limit of a thousand could hide
// the ones that are alive.
const MOST = 10_000;

/** What pg-boss has registered: each worker process that is alive, and those of the last days that are not. */
export async function listInstances(boss: PgBoss): Promise<Instance[]> {
  return await boss.getInstances({ limit: MOST });
}

/** The name of the replica. Others may register instances too, without one. */
export function nameOf({ name, host, pid }: Instance): string {
  return name ?? `${host}:${pid}`;
}
