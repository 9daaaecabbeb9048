import type { Meter } from '@opentelemetry/api';
import type { QueueConnection } from '../worker/boss.ts';
import { periodSeconds } from '../worker/slots.ts';
import { describeSchedule, type JobSchedule } from '../worker/queue.ts';
import { readFleet } from '../worker/read-fleet.ts';
import { measure } from './measure.ts';
import { TIMINGS } from '../worker/timings.ts';

export interface FleetMetricsOptions {
  readonly queue: QueueConnection;
  /** The schedule of each job as this replica is configured. */
  readonly schedules: ReadonlyMap<string, JobSchedule>;
  readonly onError: (error: unknown) => void;
}

/**
 * Measures the fleet when it is scraped, by one short statement. Every replica answers the same, but for the drift,
 * which is its own.
 */
export function fleetMetrics(meter: Meter, { queue, schedules, onError }: FleetMetricsOptions): void {
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { description });
  const last = gauge(
    'sealog_last_activation_timestamp_seconds',
    'When the last activation of the fleet completed, in seconds since 1970.',
  );
  const skipped = gauge(
    'sealog_last_activation_skipped_entries',
    'Stale entries that the database refused to complete in the last activation of the fleet.',
  );
  const period = gauge(
    'sealog_schedule_period_seconds',
    'Time between two slots of the installed schedule: the longest of the last four. Of the configured one where none that can be read is installed.',
  );
  const drift = gauge(
    'sealog_schedule_drift',
    '1 when another schedule is installed than the one that this replica is configured with.',
  );
  const replicas = gauge('sealog_replicas', 'Replicas that are alive, by their heartbeat in the database.');
  const lost = gauge(
    'sealog_lost_replicas',
    `Replicas that ended in the last ${TIMINGS.lostMinutes} minutes without being stopped.`,
  );
  measure(meter, [last, skipped, period, drift, replicas, lost], {
    read: () => readFleet(queue, [...schedules.keys()]),
    observe(result, fleet) {
      for (const { job, schedule, lastActivation } of fleet.jobs) {
        const configured = schedules.get(job);
        const agrees = schedule && configured && describeSchedule(schedule) === describeSchedule(configured);
        result.observe(drift, agrees ? 0 : 1, { job });
        // Of some schedule in any case: without a period, no alert could say that activations fail to come.
        const seconds = [schedule, configured]
          .map((one) => (one ? periodSeconds(one, new Date(fleet.now * 1000)) : undefined))
          .find((found) => found !== undefined);
        if (seconds !== undefined) result.observe(period, seconds, { job });
        if (!lastActivation) continue;
        result.observe(last, lastActivation.completedSeconds, { job });
        result.observe(skipped, lastActivation.skipped, { job });
      }
      result.observe(replicas, fleet.replicas);
      result.observe(lost, fleet.lost);
    },
    onError,
  });
}
