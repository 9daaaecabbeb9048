import type { Meter } from '@opentelemetry/api';
import type { Settings } from '../config/settings.ts';
import type { AuditLogDatabase } from '../store/database.ts';
import { readRuleDifferences } from '../store/migrated-rules.ts';
import { readGauges } from '../store/read-gauges.ts';
import { measure } from './measure.ts';

/** Measures the audit log itself when it is scraped: one statement, and a comparison of the rules. All replicas agree. */
export function logMetrics(
  meter: Meter,
  { database, settings }: { readonly database: AuditLogDatabase; readonly settings: Settings },
  onError: (error: unknown) => void,
): void {
  const { timeoutSeconds, maxUpdatePerActivation } = settings.auditTimeout;
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { description });
  const incomplete = gauge('sealog_incomplete_entries', 'Entries that have been begun and not completed.');
  const stale = gauge('sealog_stale_entries', 'Incomplete entries that are older than the timeout.');
  const oldest = gauge(
    'sealog_oldest_incomplete_age_seconds',
    'Age of the oldest incomplete entry. 0 when there is none.',
  );
  const horizonLag = gauge(
    'sealog_horizon_lag_seconds',
    'How far the horizon that was sealed last lies behind. Each worker seals every twenty seconds.',
  );
  measure(meter, [incomplete, stale, oldest, horizonLag], {
    read: () => readGauges(database, timeoutSeconds),
    observe(result, gauges) {
      result.observe(incomplete, gauges.incomplete);
      result.observe(stale, gauges.stale);
      result.observe(oldest, gauges.oldestAgeSeconds);
      result.observe(horizonLag, gauges.horizonLagSeconds);
    },
    onError,
  });

  const rulesOff = gauge(
    'sealog_rules_off',
    'Rules of the audit log that are not as they were migrated: see `sealog status`.',
  );
  measure(meter, [rulesOff], {
    read: () => readRuleDifferences(database),
    observe: (result, differences) => result.observe(rulesOff, differences.length),
    onError,
  });

  // Settings as metrics, so that alerts need no numbers of their own.
  const constant = (name: string, description: string, value: number) =>
    gauge(name, description).addCallback((result) => result.observe(value));
  constant('sealog_timeout_seconds', 'After how long an incomplete entry is stale, as configured.', timeoutSeconds);
  constant(
    'sealog_activation_limit_entries',
    'The most entries that one activation completes, as configured.',
    maxUpdatePerActivation,
  );
}
