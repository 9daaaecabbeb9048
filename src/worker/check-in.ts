import { randomUUID } from 'node:crypto';
import { checkInError } from './events.ts';
import type { Logger } from '../logger.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { checkInReplica, checkOutReplica } from '../store/replica-schedules.ts';
import type { ScheduledJob } from './drift-watch.ts';
import { repeat, type Repeating } from './repeat.ts';
import type { Timings } from './timings.ts';

export interface CheckInOptions {
  readonly database: AuditLogDatabase;
  readonly logger: Logger;
  /** Its name. */
  readonly replica: string;
  readonly configured: readonly ScheduledJob[];
  readonly timings: Timings;
  /** What depends on who is there: at the first check-in, and from time to time. */
  readonly afterwards: () => Promise<void>;
}

/**
 * Tells the fleet, now and from time to time, that this replica is there and what it was configured with, for `sealog
 * status`; and that it is gone, when it is disposed of. In the same statement it seals.
 */
export async function checkIn(options: CheckInOptions): Promise<Repeating> {
  const { database, logger, configured, timings, afterwards } = options;
  const replica = { id: randomUUID(), name: options.replica };
  let times = 0;
  const checkInOnce = async (): Promise<void> => {
    await checkInReplica(database, replica, { configured, goneSeconds: timings.goneSeconds });
    if (times++ % timings.checkInsPerCleanUp === 0) await afterwards();
  };
  const checkingIn = await repeat(checkInOnce, {
    intervalMs: () => timings.checkInMs,
    logger,
    timings,
    event: checkInError,
  });
  return {
    failure: () => checkingIn.failure(),
    async [Symbol.asyncDispose]() {
      await checkingIn[Symbol.asyncDispose]();
      await checkOutReplica(database, replica).catch((err: unknown) => checkInError(logger, { err, omitted: 0 }));
    },
  };
}
