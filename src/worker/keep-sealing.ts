import { queueError } from '../events.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { seal } from '../store/seal.ts';
import { errorBudget } from './error-budget.ts';

const INTERVAL_MS = 10_000;

/**
 * Seals from time to time. Readers on the primary seal for themselves; those on a standby, or in read-only sessions,
 * see only as far as somebody else has sealed.
 */
export function keepSealing(database: AuditLogDatabase, logger: Logger): AsyncDisposable {
  const onError = errorBudget((err, omitted) => queueError(logger, { err, omitted }));
  let sealing: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => (sealing = seal(database, undefined).catch(onError)), INTERVAL_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await sealing;
    },
  };
}
