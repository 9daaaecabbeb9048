import { checkInError } from '../events.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { checkInReplica, checkOutReplica } from '../store/replica-schedules.ts';
import type { ScheduledJob } from './drift-watch.ts';
import { repeat } from './repeat.ts';

/** In milliseconds. Readers on a standby see no further than somebody has sealed. */
const INTERVAL_MS = 20_000;

export interface CheckInOptions {
  readonly database: AuditLogDatabase;
  readonly logger: Logger;
  readonly replica: string;
  readonly configured: readonly ScheduledJob[];
}

/**
 * Tells the fleet, now and from time to time, that this replica is there and what it was configured with, for `sealog
 * status`; and that it is gone, when it is disposed of. In the same statement it seals.
 */
export async function checkIn({ database, logger, replica, configured }: CheckInOptions): Promise<AsyncDisposable> {
  const checkingIn = await repeat(() => checkInReplica(database, replica, configured), {
    intervalMs: () => INTERVAL_MS,
    logger,
    event: checkInError,
  });
  return {
    async [Symbol.asyncDispose]() {
      await checkingIn[Symbol.asyncDispose]();
      await checkOutReplica(database, replica).catch((err: unknown) => checkInError(logger, { err, omitted: 0 }));
    },
  };
}
