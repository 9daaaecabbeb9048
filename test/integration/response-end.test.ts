import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type ClientHttp2Session, connect, constants, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import express from 'express';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify, { type SealogFastifyOptions } from '../../src/integrations/fastify.ts';
import { openRequest, storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
const logger = recordingLogger();
const actor = () => ({ kind: 'anonymous' }) as const;

beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
});

afterEach(async () => {
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

async function outcomes(count: number): Promise<unknown[]> {
  const entries = await storedEntries(database.pool, count);
  return entries.map(({ uri, result, status, code }) => [uri, result, status, code]);
}

const working = new EventEmitter();

/** For a handler: returns when the client has gone, and the service knows. */
async function workUntilGone(path: string, connection: EventEmitter): Promise<void> {
  working.emit(path);
  await once(connection, 'close');
  await setImmediate();
}

/** Before the 10 s for which closing waits for what may still end: timers of one process go off in their order. */
async function checkClosesAtOnce(close: () => PromiseLike<unknown>): Promise<void> {
  const late = delay(9000, 'late', { ref: false });
  expect(await Promise.race([Promise.resolve(close()).then(() => 'closed'), late])).toBe('closed');
}

describe('over HTTP/2', () => {
  let app: FastifyInstance;
  let client: ClientHttp2Session;
  beforeEach(() => {
    app = fastify({ http2: true }) as unknown as FastifyInstance;
  });
  afterEach(async () => {
    client.destroy();
    await app.close();
  });

  async function open(options: Partial<SealogFastifyOptions> = {}): Promise<void> {
    await app.register(sealogFastify, { auditLog, logger, actor, ...options });
  }
  async function listen(): Promise<void> {
    await app.listen({ port: 0, host: '127.0.0.1' });
    client = connect(`http://127.0.0.1:${portOf(app.server)}`);
  }
  function post(path: string) {
    return client.request({ ':method': 'POST', ':path': path }).on('error', () => {});
  }
  const work = ({ url, raw }: FastifyRequest): Promise<void> =>
    workUntilGone(url, (raw as unknown as Http2ServerRequest).stream);

  test('a client resets while the handler works: what it then does counts', async () => {
    await open();
    app.post('/fails', async (request) => {
      await work(request);
      throw Object.assign(new Error('canary'), { code: 'DISK_FULL' });
    });
    app.post('/conflicts', async (request, reply) => {
      await work(request);
      return reply.code(409).send({});
    });
    app.post('/raw', async (request, reply) => {
      reply.hijack();
      await work(request);
      reply.raw.writeHead(410).end();
    });
    app.post('/large', async (request, reply) => {
      await work(request);
      return reply.code(201).send('x'.repeat(100_000));
    });
    app.post('/works', async (request, reply) => {
      await work(request);
      return reply.code(201).send({});
    });
    await listen();
    for (const path of ['/fails', '/conflicts', '/raw', '/large', '/works']) {
      const started = once(working, path);
      const request = post(path);
      await started;
      request.close(constants.NGHTTP2_CANCEL);
    }
    expect(await outcomes(5)).toEqual([
      ['/fails', 'error', 500, 'DISK_FULL'],
      ['/conflicts', 'error', 409, null],
      ['/raw', 'error', 410, null],
      // More than one frame: the rest of it waits for a client that is not there.
      ['/large', 'error', 201, 'ResponseBroken'],
      ['/works', 'success', 201, null],
    ]);
  });

  test('a client resets in the middle of a streamed answer', async () => {
    await open();
    app.post('/stream', async () =>
      Readable.from(
        (async function* endless() {
          for (;;) {
            yield 'x';
            await delay(5);
          }
        })(),
      ),
    );
    app.post('/whole', async () => Readable.from(['a', 'b']));
    await listen();
    const request = post('/stream');
    await once(request, 'data');
    request.close(constants.NGHTTP2_CANCEL);
    await once(post('/whole').resume(), 'end');
    expect(await outcomes(2)).toEqual([
      ['/stream', 'error', 200, 'ResponseBroken'],
      ['/whole', 'success', 200, null],
    ]);
  });

  test('a client resets while the entry is being begun', async () => {
    await open({
      actor: async (request) => {
        await work(request);
        return { kind: 'anonymous' };
      },
    });
    app.post('/x', async (_request, reply) => reply.code(201).send({}));
    await listen();
    const started = once(working, '/x');
    const request = post('/x');
    await started;
    request.close(constants.NGHTTP2_CANCEL);
    expect(await outcomes(1)).toEqual([['/x', 'success', 201, null]]);
    await checkClosesAtOnce(() => app.close());
  });
});

describe('an answer that is streamed when the client has gone is broken, with its status', () => {
  async function leave(server: Server, path: string): Promise<void> {
    const started = once(working, path);
    const request = await openRequest(portOf(server), 'POST', path);
    await started;
    request.destroy();
  }

  test('in Fastify', async () => {
    await using app = fastify({ forceCloseConnections: true });
    await app.register(sealogFastify, { auditLog, logger, actor });
    app.post('/stream', async (request, reply) => {
      await workUntilGone(request.url, request.socket);
      return reply.code(201).send(Readable.from(['a', 'b']));
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    await leave(app.server, '/stream');
    expect(await outcomes(1)).toEqual([['/stream', 'error', 201, 'ResponseBroken']]);
    await checkClosesAtOnce(() => app.close());
  });

  test('in Express', async () => {
    const app = express();
    const audit = sealogExpress({ auditLog, logger, actor });
    const file = fileURLToPath(new URL('../../package.json', import.meta.url));
    app.set('env', 'test');
    app.use(audit);
    const late =
      (answer: (response: express.Response) => unknown): express.RequestHandler =>
      async (request, response) => {
        await workUntilGone(request.url, request.socket);
        answer(response);
      };
    app.post(
      '/pipe',
      late((response) => Readable.from(['a', 'b']).pipe(response.status(201))),
    );
    app.post(
      '/file',
      late((response) => response.sendFile(file)),
    );
    app.post(
      '/download',
      late((response) => response.status(202).download(file)),
    );
    app.use(audit.errors);
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    for (const path of ['/pipe', '/file', '/download']) await leave(server, path);
    expect(await outcomes(3)).toEqual([
      ['/pipe', 'error', 201, 'ResponseBroken'],
      ['/file', 'error', 200, 'ResponseBroken'],
      ['/download', 'error', 202, 'ResponseBroken'],
    ]);
    await checkClosesAtOnce(() => audit.settled());
    server.closeAllConnections();
    await once(server.close(), 'close');
  });
});

test('the status is the one that was sent, and the result what the service found out later', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, logger, actor });
  app.post<{ Params: { later: string } }>('/:later', async ({ params }, reply) => {
    reply.hijack();
    reply.raw.writeHead(202).write('x');
    reply.raw.statusCode = Number(params.later);
    reply.raw.end();
  });
  for (const url of ['/204', '/500']) await app.inject({ method: 'POST', url });
  expect(await outcomes(2)).toEqual([
    ['/204', 'success', 202, null],
    ['/500', 'error', 202, null],
  ]);
});

test('an answer that was sent while the entry was being begun is its outcome', async () => {
  await using app = fastify({ handlerTimeout: 100 });
  const { promise: answered, resolve: answers } = Promise.withResolvers<void>();
  const begin: AuditLog['begin'] = async (entry) => {
    await answered;
    return await auditLog.begin(entry);
  };
  const slow = { begin, complete: auditLog.complete.bind(auditLog) };
  await app.register(sealogFastify, { auditLog: slow, logger, actor });
  let ran = 0;
  app.post('/x', async () => ++ran);
  expect((await app.inject({ method: 'POST', url: '/x' })).statusCode).toBe(503);
  answers();
  expect(await storedEntries(database.pool, 1)).toMatchObject([{ result: 'error', status: 503 }]);
  expect(ran).toBe(0);
});

describe('who never answers a client that has gone is not waited for', () => {
  const gone = async (port: number): Promise<void> => {
    const started = once(working, '/never');
    const request = await openRequest(port, 'POST', '/never');
    await started;
    request.destroy();
  };

  test('in Fastify', async () => {
    const app = fastify();
    await app.register(sealogFastify, { auditLog, logger, actor });
    app.post('/never', async (request) => {
      await workUntilGone(request.url, request.socket);
      await new Promise(() => {});
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    await gone(portOf(app.server));
    await checkClosesAtOnce(() => app.close());
    await storedEntries(database.pool, 1, { incomplete: 1 });
  });

  test('in Express', async () => {
    const app = express();
    const audit = sealogExpress({ auditLog, logger, actor });
    app.use(audit);
    app.post('/never', (request) => void workUntilGone(request.url, request.socket));
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await gone(portOf(server));
    await once(server.close(), 'close');
    await checkClosesAtOnce(() => audit.settled());
    await storedEntries(database.pool, 1, { incomplete: 1 });
  });
});

test('settling waits also for what is begun meanwhile', async () => {
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let count = 0;
  const completed: unknown[] = [];
  const slow: Pick<AuditLog, 'begin' | 'complete'> = {
    async begin(entry) {
      await begun[count++]?.promise;
      return await auditLog.begin(entry);
    },
    async complete(id, completion) {
      const result = await auditLog.complete(id, completion);
      completed.push(completion.httpStatusCode);
      return result;
    },
  };
  const app = express();
  const audit = sealogExpress({ auditLog: slow, logger, actor });
  app.use(audit).post('/', (_request, response) => void response.status(201).end());
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const send = () => fetch(`http://127.0.0.1:${portOf(server)}/`, { method: 'POST', headers: { connection: 'close' } });
  const first = send();
  await waitUntil('the first is being begun', () => count === 1);
  const settled = audit.settled();
  const second = send();
  await waitUntil('the second is being begun', () => count === 2);
  begun[0]?.resolve();
  await waitUntil('the first is completed', () => completed.length === 1);
  begun[1]?.resolve();
  await settled;
  expect(completed).toEqual([201, 201]);
  await Promise.all([first, second]);
  await once(server.close(), 'close');
});
