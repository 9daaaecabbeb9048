import type { Meter } from '@opentelemetry/api';
import type { Outcome } from '../jobs/job.ts';

/** Counts the activations that this replica ran. */
export interface ActivationMetrics {
  completed(job: string, outcome: Outcome): void;
  failed(job: string): void;
  /** It is not known whether it committed. */
  uncertain(job: string): void;
}

/** What jobs may tell in their outcome beyond what every outcome has. */
interface Counted {
  readonly timedOut?: number;
  readonly byOperation?: Readonly<Record<string, number>>;
  readonly skipped?: readonly unknown[];
}

export function activationMetrics(meter: Meter): ActivationMetrics {
  const activations = meter.createCounter('sealog_activations', {
    description: 'Activations that this replica ran, by how they ended: completed, failed or uncertain.',
  });
  const duration = meter.createHistogram('sealog_activation_duration_seconds', {
    description: 'How long activations took that completed.',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] },
  });
  const timedOut = meter.createCounter('sealog_timed_out_entries', {
    description: 'Stale entries that this replica completed as timeout. More than none may indicate crashes or bugs.',
  });
  const skipped = meter.createCounter('sealog_skipped_entries', {
    description: 'Times that the database refused to complete a stale entry.',
  });
  // Present from the first scrape, so that an alert on their absence or increase can be written.
  timedOut.add(0);
  skipped.add(0);

  return {
    completed(job, outcome: Outcome & Counted) {
      activations.add(1, { job, outcome: 'completed' });
      duration.record(outcome.durationMs / 1000, { job });
      let others = outcome.timedOut ?? 0;
      for (const [operation, count] of Object.entries(outcome.byOperation ?? {})) {
        timedOut.add(count, { operation });
        others -= count;
      }
      if (others > 0) timedOut.add(others, { operation: '(other)' });
      skipped.add(outcome.skipped?.length ?? 0);
    },
    failed(job) {
      activations.add(1, { job, outcome: 'failed' });
    },
    uncertain(job) {
      activations.add(1, { job, outcome: 'uncertain' });
    },
  };
}
