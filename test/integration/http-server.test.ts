import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { expect, test } from '@jest/globals';
import { healthRoute } from '../../src/http/health.ts';
import { type HttpServer, startHttpServer } from '../../src/http/server.ts';
import { type RecordingLogger, recordingLogger } from '../support/recording-logger.ts';

async function startProbes(
  logger: RecordingLogger,
  check: () => Promise<void> | void,
): Promise<{ readonly http: HttpServer; readonly server: Server }> {
  let server: Server | undefined;
  // The server keeps its own to itself; Node publishes each one that listens.
  const onListening = (message: unknown) => (server = (message as { server: Server }).server);
  subscribe('tracing:net.server.listen:asyncEnd', onListening);
  const routes = new Map([['/readyz', healthRoute({ schema: check })]]);
  const http = await startHttpServer({ host: '127.0.0.1', port: 0, routes, logger });
  unsubscribe('tracing:net.server.listen:asyncEnd', onListening);
  return { http, server: server! };
}

test('a connection that cannot be accepted is logged, and the next one is answered', async () => {
  const logger = recordingLogger();
  const { http, server } = await startProbes(logger, () => {});
  await using _ = http;
  server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
  expect(logger.withEvent('http.error')).toMatchObject([{ level: 'error', err: { code: 'EMFILE' } }]);
  expect((await fetch(`http://127.0.0.1:${http.port}/readyz`)).status).toBe(200);
});

test('a database that has several addresses and none that answers is named by what each of them said', async () => {
  const refused = ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'];
  const { http } = await startProbes(recordingLogger(), () => {
    // As Node throws it: without a message of its own.
    throw new AggregateError(refused.map((message) => new Error(message)));
  });
  await using _ = http;
  const response = await fetch(`http://127.0.0.1:${http.port}/readyz`);
  expect(await response.json()).toEqual({ ok: false, reasons: { schema: refused.join('; ') } });
});
