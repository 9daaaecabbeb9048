import type { Meter } from '@opentelemetry/api';
import type { AuditLogDatabase } from '../store/database.ts';
import { readGauges } from '../store/read-gauges.ts';

/**
 * Measures the audit log itself when it is scraped, by one short statement. Every replica tells the same. While the
 * database does not answer there is no value, rather than an old one.
 */
export function logMetrics(meter: Meter, database: AuditLogDatabase, onError: (error: unknown) => void): void {
  const incomplete = meter.createObservableGauge('sealog_incomplete_entries', {
    description: 'Entries that have been begun and not completed.',
  });
  const oldest = meter.createObservableGauge('sealog_oldest_incomplete_age_seconds', {
    description: 'Age of the oldest incomplete entry. 0 when there is none.',
  });
  const horizonLag = meter.createObservableGauge('sealog_horizon_lag_seconds', {
    description: 'How far the horizon that was sealed last lies behind. Workers seal every ten seconds.',
  });
  meter.addBatchObservableCallback(
    async (result) => {
      try {
        const gauges = await readGauges(database);
        result.observe(incomplete, gauges.incomplete);
        result.observe(oldest, gauges.oldestAgeSeconds);
        result.observe(horizonLag, gauges.horizonLagSeconds);
      } catch (error) {
        onError(error);
      }
    },
    [incomplete, oldest, horizonLag],
  );
}
