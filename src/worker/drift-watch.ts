import { scheduleAgrees, scheduleDrifts } from './events.ts';
import type { Logger } from '../logger.ts';
import { describeSchedule, type JobSchedule } from './queue.ts';

/** A job and its schedule. */
export type ScheduledJob = JobSchedule & { readonly job: string };

/**
 * Compares the schedules that this replica was configured with to those that are installed, each time that it is told
 * them: says at warn when one begins to differ and at info when it agrees again.
 */
export function driftWatch(
  logger: Logger,
  configured: readonly ScheduledJob[],
): (installed: readonly ScheduledJob[]) => void {
  const drifts = new Map<string, string>();
  return (installed) => {
    for (const { job, ...schedule } of configured) {
      const wanted = describeSchedule(schedule);
      const found = installed.find((one) => one.job === job);
      const holds = found ? describeSchedule(found) : 'none';
      if (holds !== wanted && holds !== drifts.get(job)) {
        scheduleDrifts(logger, { job, configured: wanted, installed: holds });
        drifts.set(job, holds);
      }
      if (holds === wanted && drifts.delete(job)) scheduleAgrees(logger, { job, schedule: wanted });
    }
  };
}
