import type { MeterProvider as MeterProviderApi } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { HttpRoute } from './server.ts';

export interface Prometheus extends AsyncDisposable {
  /** For our instruments and for pg-boss's. */
  readonly meterProvider: MeterProviderApi;
  readonly route: HttpRoute;
}

/** Collects what OpenTelemetry's instruments measure and answers it in Prometheus's text format. */
export function createPrometheus(): Prometheus {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const meterProvider = new MeterProvider({ readers: [exporter] });
  return {
    meterProvider,
    async route() {
      const { resourceMetrics } = await exporter.collect();
      return {
        status: 200,
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        body: serializer.serialize(resourceMetrics),
      };
    },
    [Symbol.asyncDispose]: () => meterProvider.shutdown(),
  };
}
