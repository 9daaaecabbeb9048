import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import sealogFastify, { type SealogFastifyOptions } from '../../src/integrations/fastify.ts';
import { openRequest, storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
let app: FastifyInstance;
let logger = recordingLogger();

beforeEach(async () => {
  logger = recordingLogger();
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
});

afterEach(async () => {
  await app.close();
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** An application whose users name themselves. */
async function open(options: Partial<SealogFastifyOptions> = {}, server = {}): Promise<FastifyInstance> {
  app = fastify({ ...server, forceCloseConnections: true });
  await app.register(sealogFastify, { auditLog, logger, actor: () => ({ kind: 'user', id: 'u1' }), ...options });
  return app;
}

async function listen(): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}

const refuseAll = `
  create function refuse() returns trigger language plpgsql as 'begin raise exception ''refused''; end';
  create trigger refuse before insert on sealog.audit_log for each row execute function refuse()`;

describe('which routes are audited', () => {
  test('all that mutate, under their pattern, and none that only read', async () => {
    await open();
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      app.route({ method, url: '/disks/:id', handler: async () => 'done' });
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      await app.inject({ method, url: '/disks/7?secret=1' });
    }
    await app.inject({ method: 'POST', url: '/nowhere' });
    const entries = await storedEntries(database.pool, 4);
    expect(entries.map(({ operation_id }) => operation_id)).toEqual(
      ['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => `${method} /disks/:id`),
    );
    const told = { actor: 'user:u1', uri: '/disks/7', ip: '127.0.0.1' };
    expect(entries[0]).toMatchObject({ ...told, result: 'success', status: 200, details: null });
  });

  test('those that are named, also by their schema, and not those that say why', async () => {
    await open();
    app.get('/export', { config: { audit: { operationId: 'export' } } }, async () => 'done');
    app.post('/probe', { config: { audit: { skip: 'health probe, changes nothing' } } }, async () => 'done');
    app.post('/described', { schema: { operationId: 'described' } }, async () => 'done');
    await app.inject({ method: 'GET', url: '/export' });
    await app.inject({ method: 'POST', url: '/probe' });
    await app.inject({ method: 'POST', url: '/described' });
    const entries = await storedEntries(database.pool, 2);
    expect(entries.map(({ operation_id }) => operation_id)).toEqual(['export', 'described']);
  });
});

describe('what an entry holds', () => {
  test('the actor is whom any hook of the route has found, and the resource what the handler made', async () => {
    await open({
      actor: (request) => ({ kind: 'user', id: request.getDecorator<string>('user') }),
      tenant: (request) => `tenant of ${request.getDecorator<string>('user')}`,
      resource: (request, reply) => ({ type: 'disk', id: reply ? String(reply.getHeader('location')) : request.url }),
      entryIdHeader: 'x-audit-entry',
    });
    app.decorateRequest('user', '');
    const preHandler = async (request: { setDecorator(name: string, value: string): void }) =>
      request.setDecorator('user', 'alice');
    app.post('/disks', { preHandler }, async (_request, reply) => {
      const [begun] = await storedEntries(database.pool, 1, { incomplete: 1 });
      expect(begun).toMatchObject({ resource: 'disk:/disks', actor: 'user:alice' });
      return reply.code(201).header('location', '/disks/1').send({ id: 1 });
    });
    const answer = await app.inject({ method: 'POST', url: '/disks' });
    expect(answer.statusCode).toBe(201);
    const [entry] = await storedEntries(database.pool, 1);
    expect(entry).toMatchObject({ status: 201, resource: 'disk:/disks/1', tenant: 'tenant of alice' });
    expect(answer.headers['x-audit-entry']).toBe(entry?.id);
  });

  test('what a thrown error is called, and its message only if the service says so', async () => {
    class Problem extends Error {}
    await open({ errorMessage: (error) => (error instanceof Problem ? error.message : undefined) });
    const error = (fields: object) => Object.assign(new Error('canary'), fields);
    app.post('/hidden', async () => Promise.reject(error({ code: 'DISK_FULL' })));
    app.post('/exposed', async () => Promise.reject(error({ statusCode: 422, expose: true })));
    app.post('/told', async () => Promise.reject(Object.assign(new Problem('disk in use'), { statusCode: 409 })));
    app.post('/odd', async () => Promise.reject(error({ code: 'canary with blanks' })));
    app.post('/answered', async (_request, reply) => reply.code(404).send('canary'));
    for (const url of ['/hidden', '/exposed', '/told', '/odd', '/answered']) await app.inject({ method: 'POST', url });
    const entries = await storedEntries(database.pool, 5);
    expect(entries.map(({ status, code, message }) => [status, code, message])).toEqual([
      [500, 'DISK_FULL', 'Internal Server Error'],
      [422, 'Error', 'Unprocessable Entity'],
      [409, 'Error', 'disk in use'],
      [500, 'Error', 'Internal Server Error'],
      [404, null, 'Not Found'],
    ]);
  });

  test('query string and body only if asked, without what is secret', async () => {
    await open({ record: { query: true, body: true, redact: ['nick-name'] }, details: () => ({ plan: 'gold' }) });
    app.post('/login', async () => 'done');
    const payload = { user: 'u', 'X-Api_Key': 'canary', nested: [{ oldPassword: 'canary', NickName: 'canary' }] };
    await app.inject({ method: 'POST', url: '/login?page=2&access_token=canary', payload });
    const [entry] = await storedEntries(database.pool, 1);
    expect(entry?.details).toEqual({
      query: { page: '2', access_token: '[redacted]' },
      body: {
        user: 'u',
        'X-Api_Key': '[redacted]',
        nested: [{ oldPassword: '[redacted]', NickName: '[redacted]' }],
      },
      plan: 'gold',
    });
  });

  test('the address is the peer unless the service trusts its proxy', async () => {
    await open({}, { trustProxy: true });
    app.post('/', async () => 'done');
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    await app.inject({ method: 'POST', url: '/', headers });
    const trusted = app;
    await open();
    app.post('/', async () => 'done');
    await app.inject({ method: 'POST', url: '/', headers });
    await trusted.close();
    expect((await storedEntries(database.pool, 2)).map(({ ip }) => ip)).toEqual(['203.0.113.9', '127.0.0.1']);
  });
});

describe('nothing runs unaudited', () => {
  test('503 and no handler when the entry cannot be begun; reads go on', async () => {
    await open();
    let ran = 0;
    app.post('/', async () => ++ran);
    app.get('/', async () => ran);
    await database.pool.query(refuseAll);
    const refused = await app.inject({ method: 'POST', url: '/' });
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '5']);
    expect((await app.inject({ method: 'GET', url: '/' })).body).toBe('0');
    await database.pool.query('drop trigger refuse on sealog.audit_log');
    expect((await app.inject({ method: 'POST', url: '/' })).body).toBe('1');
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ status: 200 }]);
  });

  test('an actor function that throws keeps the handler from running, and the attempt is recorded', async () => {
    await open({ actor: () => Promise.reject(new Error('canary')) });
    let ran = 0;
    app.post('/', async () => ++ran);
    expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(500);
    expect(ran).toBe(0);
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ actor: 'anonymous', status: 500, result: 'error' }]);
  });

  test('other functions that throw lose their part, and not the entry', async () => {
    const fail = () => {
      throw new Error('not now');
    };
    await open({ tenant: fail, resource: fail, details: fail });
    app.post('/', async () => 'done');
    expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(200);
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ status: 200, tenant: null, details: null }]);
    expect(logger.withEvent('audit-log.request-not-described')).toHaveLength(6);
  });

  test('who was refused before the handler is recorded, but not when load is shed', async () => {
    await open({ actor: () => Promise.reject(new Error('nobody')) });
    app.addHook('onRequest', async (request, reply) => {
      const status = Number(request.headers['x-refuse']);
      if (status) await reply.code(status).send({});
    });
    let ran = 0;
    app.post('/', { schema: { body: { type: 'object', required: ['a'] } } }, async () => ++ran);
    for (const status of [401, 403, 429, 503]) {
      const headers = { 'x-refuse': String(status) };
      expect((await app.inject({ method: 'POST', url: '/', headers })).statusCode).toBe(status);
    }
    expect((await app.inject({ method: 'POST', url: '/', payload: {} })).statusCode).toBe(400);
    // They are begun when their answers have ended, and not in turn.
    const entries = await storedEntries(database.pool, 3);
    expect(Object.fromEntries(entries.map(({ status, code }) => [status, code]))).toEqual({
      400: 'FST_ERR_VALIDATION',
      401: null,
      403: null,
    });
    expect(ran).toBe(0);
  });
});

describe('how a response ends', () => {
  test('the client goes away while the handler works: what the handler did counts, once', async () => {
    await open();
    const started = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    app.post('/', async (request, reply) => {
      request.raw.socket.once('close', gone.resolve);
      started.resolve();
      await gone.promise;
      return reply.code(201).send({});
    });
    const request = await openRequest(await listen(), 'POST', '/');
    await started.promise;
    request.destroy();
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ result: 'success', status: 201 }]);
    expect(logger.lines).toEqual([]);
  });

  test('the connection ends in the middle of the answer, streamed or raw', async () => {
    await open();
    app.post('/stream', async () =>
      Readable.from(
        (async function* endless() {
          for (;;) {
            yield 'x'.repeat(10_000);
            await new Promise((resolve) => setImmediate(resolve));
          }
        })(),
      ),
    );
    app.post('/failing', async () =>
      Readable.from(
        (async function* failing() {
          yield 'x'.repeat(10_000);
          await Promise.reject(new Error('canary'));
        })(),
      ),
    );
    app.post('/raw', async (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(202).write('x');
    });
    const port = await listen();
    for (const path of ['/stream', '/failing', '/raw']) {
      const request = await openRequest(port, 'POST', path);
      const [response] = (await once(request, 'response')) as [NodeJS.EventEmitter];
      response.on('error', () => {});
      await once(response, 'data');
      request.destroy();
    }
    const broken = { result: 'error', code: 'ResponseBroken' };
    expect(await storedEntries(database.pool, 3)).toMatchObject([
      { ...broken, status: 200 },
      { ...broken, status: 200 },
      { ...broken, status: 202 },
    ]);
  });

  test('streams and raw answers that end are complete', async () => {
    await open();
    app.post('/stream', async (_request, reply) => reply.code(206).send(Readable.from(['a', 'b'])));
    app.post('/raw', async (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(202).end('x');
    });
    await app.inject({ method: 'POST', url: '/stream' });
    await app.inject({ method: 'POST', url: '/raw' });
    expect((await storedEntries(database.pool, 2)).map(({ result, status }) => [result, status])).toEqual([
      ['success', 206],
      ['success', 202],
    ]);
  });

  test('closing waits for what is in flight, and for completions', async () => {
    await open();
    const gone = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    app.post('/', async (request) => {
      request.raw.socket.once('close', gone.resolve);
      started.resolve();
      await gone.promise;
      // The client is gone, so nothing but the plugin waits for this.
      await database.pool.query('select pg_sleep(0.3)');
      return 'done';
    });
    const request = await openRequest(await listen(), 'POST', '/');
    await started.promise;
    request.destroy();
    await gone.promise;
    await app.close();
    const { rows } = await database.pool.query('select http_status_code from sealog.audit_log');
    expect(rows).toEqual([{ http_status_code: 200 }]);
  });

  test('an answer stands though its outcome cannot be recorded, and that is logged', async () => {
    await open();
    app.post('/', async () => 'done');
    await database.pool.query(refuseAll.replace('insert', 'update'));
    expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(200);
    await app.close();
    await storedEntries(database.pool, 1, { incomplete: 1 });
    expect(logger.withEvent('audit-log.completion-lost')).toHaveLength(1);
  });
});
