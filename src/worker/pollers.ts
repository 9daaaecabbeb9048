import type { PgBoss, WipData } from 'pg-boss';

/** pg-boss's pollers of this replica, that of the slots included. */
export function pollers(boss: PgBoss): readonly WipData[] {
  return boss.getWipData({ includeInternal: true });
}

/** Those whose last fetch failed. */
export function failedPollers(boss: PgBoss): readonly WipData[] {
  return pollers(boss).filter(({ lastErrorOn, lastFetchedOn }) => (lastErrorOn ?? 0) > (lastFetchedOn ?? 0));
}
