import type { MeterProvider as MeterProviderApi } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { AggregationTemporality, InstrumentType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { openMetrics } from './open-metrics.ts';
import type { HttpRoute } from './server.ts';

export interface Prometheus extends AsyncDisposable {
  /** For our instruments and for pg-boss's. */
  readonly meterProvider: MeterProviderApi;
  readonly route: HttpRoute;
}

/**
 * Collects what OpenTelemetry's instruments measure. Answers OpenMetrics 1.0.0 to clients whose `Accept` names
 * `application/openmetrics-text`, as Prometheus does, and Prometheus's own text format 0.0.4 to all others.
 */
export function createPrometheus(): Prometheus {
  const reader = new ScrapeReader();
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const meterProvider = new MeterProvider({ readers: [reader] });
  return {
    meterProvider,
    async route() {
      const { resourceMetrics } = await reader.collect();
      const body = serializer.serialize(resourceMetrics);
      return {
        status: 200,
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        body: body.endsWith('\n') ? body : `${body}\n`,
        alternatives: {
          'application/openmetrics-text': {
            contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
            body: openMetrics(body),
          },
        },
      };
    },
    [Symbol.asyncDispose]: () => meterProvider.shutdown(),
  };
}

/**
 * Collects when it is scraped. A gauge that nobody observed in this scrape is missing from it: with cumulative
 * temporality, which Prometheus wants of everything else, OpenTelemetry repeats its last value for ever, and a worker
 * without its database would report an hour-old state as the present one.
 */
class ScrapeReader extends MetricReader {
  constructor() {
    super({
      aggregationTemporalitySelector: (instrument) =>
        instrument === InstrumentType.OBSERVABLE_GAUGE
          ? AggregationTemporality.DELTA
          : AggregationTemporality.CUMULATIVE,
    });
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}
