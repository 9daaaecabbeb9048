import type { TracerProvider } from '@opentelemetry/api';
import { asyncContexts } from './async-contexts.ts';
import { resourceFromEnvironment } from './trace-resource.ts';

export interface Traces extends AsyncDisposable {
  /** For our spans and for pg-boss's. Undefined: nobody wants them. */
  readonly tracerProvider: TracerProvider | undefined;
}

/** How long the collector may take, and so the end of the process at most, in milliseconds. The usual 10 s are too long. */
const EXPORT_MS = 2000;

/**
 * Sends spans to the OTLP endpoint that OpenTelemetry's variables name, as JSON over HTTP. Nothing is loaded when there is
 * none. Variables of the exporter itself (headers, time-out, compression, certificates) are read by it. A collector that
 * is away costs the worker nothing but the spans: at most 2048 are kept.
 */
export async function openTraces(env: NodeJS.ProcessEnv = process.env): Promise<Traces> {
  if (!wanted(env)) return { tracerProvider: undefined, [Symbol.asyncDispose]: async () => {} };
  const [{ context }, { BatchSpanProcessor, TracerProvider: Provider }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  context.setGlobalContextManager(asyncContexts());
  const provider = new Provider({
    resource: resourceFromEnvironment(env),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(isSet(env, 'TIMEOUT') ? {} : { timeoutMillis: EXPORT_MS }),
      }),
    ],
  });
  return {
    tracerProvider: provider,
    async [Symbol.asyncDispose]() {
      // Sends what is left. The last spans may be lost with their collector; the process ends in time.
      await provider.shutdown().catch(() => {});
      context.disable();
    },
  };
}

function wanted(env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  if (env['OTEL_TRACES_EXPORTER']?.trim() === 'none') return false;
  return isSet(env, 'ENDPOINT');
}

/** For traces, or for all signals. */
function isSet(env: NodeJS.ProcessEnv, variable: 'ENDPOINT' | 'TIMEOUT'): boolean {
  return ['OTEL_EXPORTER_OTLP_TRACES_', 'OTEL_EXPORTER_OTLP_'].some((prefix) => env[prefix + variable]?.trim());
}
