import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { createAuditLog } from '../../src/index.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase } from '../support/database.ts';
import { PATIENCE_MS } from '../support/wait.ts';

test('what answers by the stream itself is whole when it has ended that, with the status that it sent', async () => {
  await using database = await createDatabase();
  await using auditLog = createAuditLog({ connectionString: database.url, beginTimeoutMs: PATIENCE_MS });
  await using app = fastify({ http2: true });
  await app.register(sealogFastify as never, { auditLog, actor: () => ({ kind: 'anonymous' }) } as never);
  for (const [path, status] of [
    ['/whole', 201],
    ['/fails', 500],
    ['/broken', 202],
  ] as const) {
    app.post(path, async (_request, reply) => {
      reply.hijack();
      const stream = reply.raw.stream;
      stream.respond({ ':status': status });
      if (path === '/broken') stream.write(path);
      else stream.end(path);
    });
  }
  await using cleanup = new AsyncDisposableStack();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const client = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
  cleanup.defer(() => client.destroy());
  const post = (path: string) => client.request({ ':method': 'POST', ':path': path });
  for (const path of ['/whole', '/fails']) await once(post(path).resume(), 'end');
  const request = post('/broken');
  await once(request, 'data');
  request.close(constants.NGHTTP2_NO_ERROR);
  const entries = await storedEntries(database.pool, 3);
  expect(entries.map(({ uri, result, status, code }) => [uri, result, status, code])).toEqual([
    ['/whole', 'success', 201, null],
    ['/fails', 'error', 500, null],
    ['/broken', 'error', 202, 'ResponseBroken'],
  ]);
});
