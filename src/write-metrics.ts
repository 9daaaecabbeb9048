import { type MeterProvider, metrics } from '@opentelemetry/api';

/** What goes wrong while entries are written, counted. An instance that writes without trouble counts nothing. */
export interface WriteMetrics {
  /** An operation was refused, because its entry could not be begun. */
  readonly beginRefused: (reason: 'timeout' | 'error') => void;
  /** An attempt to complete an entry was repeated. */
  readonly completeRepeated: () => void;
  /** An outcome was given up. */
  readonly completeLost: () => void;
  /** An outcome came after the timeout. */
  readonly completeAmended: () => void;
}

export function writeMetrics(meterProvider: MeterProvider = metrics.getMeterProvider()): WriteMetrics {
  const meter = meterProvider.getMeter('sealog');
  const refused = meter.createCounter('sealog_begin_refused', {
    description: 'Operations that were refused, because their entry could not be begun: timeout or error.',
  });
  const repeated = meter.createCounter('sealog_complete_retried', {
    description: 'Times that an attempt to record an outcome was repeated.',
  });
  const lost = meter.createCounter('sealog_complete_lost', {
    description: 'Outcomes that could not be recorded. The worker completes their entries as timeout.',
  });
  const amended = meter.createCounter('sealog_complete_amended', {
    description: 'Outcomes that came after the timeout, and were recorded as amendments.',
  });
  // Present from the first scrape, so that an alert on their increase can be written.
  for (const reason of ['timeout', 'error']) refused.add(0, { reason });
  for (const counter of [repeated, lost, amended]) counter.add(0);

  return {
    beginRefused: (reason) => refused.add(1, { reason }),
    completeRepeated: () => repeated.add(1),
    completeLost: () => lost.add(1),
    completeAmended: () => amended.add(1),
  };
}
