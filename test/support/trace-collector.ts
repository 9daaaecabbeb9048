import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { waitUntil } from './wait.ts';

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  /** As plain values. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** `code` 2 is an error. */
  readonly status: { readonly code?: number; readonly message?: string };
}

/** An OTLP collector over HTTP, of OTLP's JSON form, that keeps what it receives. */
export interface TraceCollector extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Attributes of the resources, by plain values, one for each request. */
  readonly resources: readonly Readonly<Record<string, unknown>>[];
  readonly headers: readonly Readonly<Record<string, unknown>>[];
  waitForSpan(matches: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
}

export async function startTraceCollector(): Promise<TraceCollector> {
  const spans: ReceivedSpan[] = [];
  const resources: Readonly<Record<string, unknown>>[] = [];
  const headers: Readonly<Record<string, unknown>>[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const { resourceSpans } = (await json(request)) as OtlpRequest;
      headers.push({ ...request.headers, path: request.url });
      for (const { resource, scopeSpans } of resourceSpans) {
        resources.push(plain(resource.attributes));
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          spans.push({ ...span, attributes: plain(span.attributes) });
        }
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    resources,
    headers,
    async waitForSpan(matches) {
      await waitUntil('such a span', () => spans.some(matches));
      return spans.find(matches)!;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly arrayValue?: { readonly values: readonly object[] } };
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<ReceivedSpan, 'attributes'> & { readonly attributes: readonly OtlpAttribute[] })[];
    }[];
  }[];
}

function plain(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.arrayValue ? value.arrayValue.values.flatMap((one) => Object.values(one)) : Object.values(value)[0],
    ]),
  );
}
