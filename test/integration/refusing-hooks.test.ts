import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as tick } from 'node:timers/promises';
import express from 'express';
import fastify, { type FastifyInstance } from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
const logger = recordingLogger();

beforeAll(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
});

afterAll(async () => {
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** Hooks in the style of Fastify's own demo: they send and return nothing. */
function addHooks(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (headers.authorization === undefined) reply.unauthorized();
  });
  app.addHook('preHandler', async ({ headers }, reply) => {
    if (headers.authorization !== 'admin') reply.code(403).send({ message: 'You are not authorized' });
  });
}

declare module 'fastify' {
  interface FastifyReply {
    unauthorized(): void;
  }
}

const COUNT = 300;

describe.each([
  ['onRequest', undefined, 401],
  ['preHandler', 'user', 403],
])('%s refuses without returning the reply', (_hook, authorization, status) => {
  test.each([1, 10, 50])(`${COUNT} requests, %i at a time`, async (atATime) => {
    let ran = 0;
    const operationId = `delete, ${status}, ${atATime}`;
    const app = fastify();
    app.decorateReply('unauthorized', function unauthorized() {
      this.send(Object.assign(new Error('Unauthorized'), { statusCode: 401 }));
    });
    await app.register(sealogFastify, { auditLog, logger, actor: () => ({ kind: 'user', id: 'u1' }) });
    addHooks(app);
    app.delete('/rows/:id', { config: { audit: { operationId } } }, async () => ++ran);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const agent = new Agent({ keepAlive: true, maxSockets: atATime });
    const refused = async (path: string): Promise<number | undefined> => {
      const headers = authorization === undefined ? {} : { authorization };
      const sent = request({ host: '127.0.0.1', port, agent, method: 'DELETE', path, headers }).end();
      const [response] = await once(sent, 'response');
      await once(response.resume(), 'end');
      return response.statusCode;
    };
    const statuses = await Promise.all(Array.from({ length: COUNT }, (_, id) => refused(`/rows/${id}`)));
    agent.destroy();
    await app.close();
    expect(statuses).toEqual(statuses.map(() => status));
    expect(ran).toBe(0);
    const { rows } = await database.pool.query(
      `select count(*)::integer as entries, count(distinct request_uri)::integer as requests,
              array_agg(distinct http_status_code) as statuses, array_agg(distinct result_kind) as results
         from sealog.audit_log where operation_id = $1`,
      [operationId],
    );
    expect(rows).toEqual([{ entries: COUNT, requests: COUNT, statuses: [status], results: ['error'] }]);
  });
});

test('a handler that Fastify would run behind an answer does not run, and its route is named once', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, logger, actor: () => ({ kind: 'user', id: 'u1' }) });
  app.addHook('onSend', async () => await tick());
  app.addHook('preHandler', async (_request, reply) => {
    reply.code(403).send('no');
  });
  let ran = 0;
  app.post('/late/:id', async () => ++ran);
  for (const id of [1, 2, 3]) {
    expect(await app.inject({ method: 'POST', url: `/late/${id}` })).toMatchObject({ statusCode: 403, body: 'no' });
  }
  expect(ran).toBe(0);
  expect(logger.withEvent('audit-log.reply-not-returned')).toMatchObject([
    { level: 'warn', route: 'POST /late/:id', operationId: 'POST /late/:id', status: 403 },
  ]);
});

test('a hook that has begun an answer for the handler to continue keeps it', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, logger, actor: () => ({ kind: 'user', id: 'u1' }) });
  app.addHook('preHandler', async (_request, reply) => {
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write(': begun\n\n');
  });
  app.post('/events', (_request, reply) => {
    reply.hijack();
    reply.raw.end('data: 1\n\n');
  });
  expect((await app.inject({ method: 'POST', url: '/events' })).body).toBe(': begun\n\ndata: 1\n\n');
});

test('hooks that were added earlier leave an entry as well, one a request', async () => {
  await using app = fastify();
  app.addHook('onRequest', async ({ url }, reply) => {
    if (url === '/early') reply.code(401).send('no');
  });
  await app.register(sealogFastify, { auditLog, logger, actor: () => ({ kind: 'user', id: 'u1' }) });
  app.post('/early', async () => 'never');
  expect((await app.inject({ method: 'POST', url: '/early' })).statusCode).toBe(401);
  await app.close();
  const { rows } = await database.pool.query(
    `select http_status_code as status, result_kind as result from sealog.audit_log where request_uri = '/early'`,
  );
  expect(rows).toEqual([{ status: 401, result: 'error' }]);
});

test('Express runs a handler behind an answer, and the entry says so', async () => {
  const app = express();
  const audit = sealogExpress({ auditLog, logger, actor: () => ({ kind: 'user', id: 'u1' }) });
  let ran = 0;
  app.use((_request, response, next) => {
    response.status(403).end();
    next();
  });
  app.post('/answered', audit, () => void ++ran);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/answered`, { method: 'POST', headers: { connection: 'close' } });
  await once(server.close(), 'close');
  await audit.settled();
  expect([answer.status, ran]).toEqual([403, 1]);
  const { rows } = await database.pool.query(
    `select http_status_code as status, error_code as code from sealog.audit_log where request_uri = '/answered'`,
  );
  expect(rows).toEqual([{ status: 403, code: 'AnsweredBefore' }]);
});
