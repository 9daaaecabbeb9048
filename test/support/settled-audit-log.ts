import type { AuditLog } from '../../src/index.ts';
import { waitUntil } from './wait.ts';

/**
 * The audit log, with a `list` that waits until every entry that was begun through it has been completed: what a test
 * finds does not depend on how long that takes.
 */
export function settledAuditLog(log: AuditLog): AuditLog {
  const open = new Set<string>();
  return {
    ...log,
    async begin(entry) {
      const begun = await log.begin(entry);
      open.add(begun.id);
      return begun;
    },
    async complete(id, completion) {
      return await log.complete(id, completion).finally(() => open.delete(id));
    },
    async list(query) {
      await waitUntil('every entry is completed', () => open.size === 0);
      return await log.list(query);
    },
  };
}
