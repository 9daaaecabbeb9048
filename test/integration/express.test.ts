import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { auditRoute, sealogExpress, type SealogExpressOptions } from '../../src/integrations/express.ts';
import { openRequest, storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
let server: Server | undefined;
const logger = recordingLogger();

beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
});

afterEach(async () => {
  server?.closeAllConnections();
  if (server?.listening) await once(server.close(), 'close');
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const options = (more: Partial<SealogExpressOptions> = {}): SealogExpressOptions => ({
  auditLog,
  logger,
  actor: (request) => ({ kind: 'user', id: request.get('x-user') ?? 'u1' }),
  ...more,
});

async function listen(app: Express): Promise<number> {
  // What Express would print of an error is none of these tests'.
  app.set('env', 'test');
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const send = (port: number, method: string, path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${port}${path}`, { method, ...init });

const done = (_request: Request, response: Response): void => void response.json({ done: true });

test('names operations by route, mounted or not, by their own names and by a rule', async () => {
  const app = express();
  app.use(sealogExpress(options({ entryIdHeader: 'x-audit-entry' })));
  const router = express.Router();
  router.delete('/disks/:id', done);
  router.post('/probe', auditRoute({ skip: 'health probe, changes nothing' }), done);
  app.use('/tenants/:tenant', router);
  app.use(express.Router().put('/plain', done));
  app
    .route('/both')
    .get(auditRoute({ operationId: 'both_read' }), done)
    .post(auditRoute({ operationId: 'both' }), done);
  app.get('/read', done);
  app.patch(['/one', '/other/:id'], done);
  app.use('/graphql', (request, response, next) => (request.method === 'POST' ? done(request, response) : next()));
  const port = await listen(app);
  const answer = await send(port, 'DELETE', '/tenants/acme/disks/7?secret=1', { headers: { 'x-user': 'alice' } });
  for (const [method, path] of [
    ['POST', '/tenants/acme/probe'],
    ['PUT', '/plain'],
    ['POST', '/both'],
    ['GET', '/both'],
    ['GET', '/read'],
    ['OPTIONS', '/both'],
    ['POST', '/graphql'],
    ['PATCH', '/other/7'],
    ['POST', '/%zz'],
  ] as const) {
    await send(port, method, path);
  }
  const entries = await storedEntries(database.pool, 7);
  expect(entries.map(({ operation_id, status }) => [operation_id, status])).toEqual([
    ['DELETE /tenants/:tenant/disks/:id', 200],
    ['PUT /plain', 200],
    ['both', 200],
    ['both_read', 200],
    ['POST (no route)', 200],
    ['PATCH /other/:id', 200],
    ['POST (no route)', 404],
  ]);
  expect(entries[0]).toMatchObject({ actor: 'user:alice', uri: '/tenants/acme/disks/7', ip: '127.0.0.1' });
  expect(answer.headers.get('x-audit-entry')).toBe(entries[0]?.id);
  expect(() => auditRoute({ skip: '' })).toThrow(/expected the reason/);
});

test('finds the route that answers behind those that only pass on, and HEAD as GET', async () => {
  const app = express();
  app.use(sealogExpress(options()));
  const check = (_request: Request, _response: Response, next: NextFunction): void => next();
  app.all('/api/*rest', auditRoute({ skip: 'only passes on' }), check);
  app.all('/api/*rest', check);
  app.get('/api/export', auditRoute({ operationId: 'export' }), done);
  app.use('/api', express.Router().post('/disks', done).post('/:any', done));
  app.all('/*rest', (_request, response) => void response.status(404).end());
  const port = await listen(app);
  for (const [method, path] of [
    ['GET', '/api/export'],
    ['HEAD', '/api/export'],
    ['POST', '/api/disks'],
    ['GET', '/api/disks'],
    ['POST', '/nowhere'],
  ] as const) {
    await send(port, method, path);
  }
  expect((await storedEntries(database.pool, 4)).map(({ operation_id }) => operation_id)).toEqual([
    'export',
    'export',
    'POST /api/disks',
    'POST /*rest',
  ]);
});

test('a route is left out if all that match are', async () => {
  const app = express();
  app.use(sealogExpress(options()));
  app.all('/*rest', auditRoute({ skip: 'only passes on' }), (_request, _response, next) => next());
  app.post('/probe', auditRoute({ skip: 'health probe, changes nothing' }), done);
  app.post('/disks', done);
  const port = await listen(app);
  await send(port, 'POST', '/probe');
  await send(port, 'POST', '/disks');
  expect((await storedEntries(database.pool, 1)).map(({ operation_id }) => operation_id)).toEqual(['POST /disks']);
});

test('is the same inside a router and a mounted application, and begins once though it is met twice', async () => {
  const app = express();
  const audit = sealogExpress(options());
  const inner = express();
  inner.use(audit);
  inner.post('/x', audit, done);
  app.use('/inner', inner);
  const router = express.Router();
  router.use(audit).post('/y', done);
  app.use('/router', router);
  const port = await listen(app);
  await send(port, 'POST', '/inner/x');
  await send(port, 'POST', '/router/y');
  const entries = await storedEntries(database.pool, 2);
  expect(entries.map(({ operation_id, uri }) => [operation_id, uri])).toEqual([
    ['POST /inner/x', '/inner/x'],
    ['POST /router/y', '/router/y'],
  ]);
});

test('503 and no handler when the entry cannot be begun; an actor that throws is 500', async () => {
  const app = express();
  let ran = 0;
  app.use(
    sealogExpress(
      options({
        actor: (request) => {
          if (request.get('x-user') === 'nobody') throw new Error('nobody');
          return { kind: 'anonymous' };
        },
      }),
    ),
  );
  app.all('/', (_request, response) => void response.json(++ran));
  const port = await listen(app);
  await database.pool.query('alter table sealog.audit_log rename to elsewhere');
  const refused = await send(port, 'POST', '/');
  expect([refused.status, refused.headers.get('retry-after'), ran]).toEqual([503, '5', 0]);
  expect((await send(port, 'GET', '/')).status).toBe(200);
  await database.pool.query('alter table sealog.elsewhere rename to audit_log');
  expect((await send(port, 'POST', '/', { headers: { 'x-user': 'nobody' } })).status).toBe(500);
  expect((await send(port, 'POST', '/')).status).toBe(200);
  expect(ran).toBe(2);
  expect(await storedEntries(database.pool, 1)).toMatchObject([{ operation_id: 'POST /', status: 200 }]);
});

test('503 says when to try again also where the service answers errors by itself', async () => {
  const app = express();
  const audit = sealogExpress(options());
  app.use(audit);
  app.post('/', done);
  app.use(audit.errors);
  app.use((error: { status: number }, _request: Request, response: Response, _next: NextFunction) => {
    response.status(error.status).json({ told: 'by the service' });
  });
  const port = await listen(app);
  await database.pool.query('alter table sealog.audit_log rename to elsewhere');
  const refused = await send(port, 'POST', '/');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
  expect(await refused.json()).toEqual({ told: 'by the service' });
});

describe('how a request ends', () => {
  test('records what the handler threw by its code', async () => {
    const app = express();
    const audit = sealogExpress(options());
    app.use(audit);
    app.post('/throws', () => Promise.reject(Object.assign(new Error('canary'), { code: 'DISK_FULL' })));
    app.post('/denied', (_request, response) => void response.status(403).json({}));
    app.use(audit.errors);
    app.use((_error: unknown, _request: Request, response: Response, _next: NextFunction) => {
      response.status(507).end();
    });
    const port = await listen(app);
    await send(port, 'POST', '/throws');
    await send(port, 'POST', '/denied');
    expect((await storedEntries(database.pool, 2)).map(({ status, code, message }) => [status, code, message])).toEqual(
      [
        [507, 'DISK_FULL', 'Insufficient Storage'],
        [403, null, 'Forbidden'],
      ],
    );
  });

  test('the client goes away: what the handler does counts, and stopping waits for it', async () => {
    const app = express();
    const audit = sealogExpress(options({ resource: (_request, reply) => reply && { type: 'disk', id: '1' } }));
    app.use(audit);
    const started = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    app.post('/', async (request, response) => {
      request.socket.once('close', gone.resolve);
      started.resolve();
      await gone.promise;
      await database.pool.query('select pg_sleep(0.2)');
      response.status(201).json({});
    });
    const request = await openRequest(await listen(app), 'POST', '/');
    await started.promise;
    request.destroy();
    await gone.promise;
    await audit[Symbol.asyncDispose]();
    const { rows } = await database.pool.query('select http_status_code, resource_id from sealog.audit_log');
    expect(rows).toEqual([{ http_status_code: 201, resource_id: '1' }]);
  });

  test('the connection ends in the middle of the answer', async () => {
    const app = express();
    app.use(sealogExpress(options()));
    app.post('/', (_request, response) => void response.write('x'));
    const request = await openRequest(await listen(app), 'POST', '/');
    const [response] = (await once(request, 'response')) as [NodeJS.EventEmitter];
    response.on('error', () => {});
    await once(response, 'data');
    request.destroy();
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ code: 'ResponseBroken', status: 200 }]);
  });
});

test('records the address by `trust proxy`, and bodies without secrets if asked', async () => {
  const app = express();
  app.set('trust proxy', 'loopback');
  app.use(express.json(), sealogExpress(options({ record: { query: true, body: true } })));
  app.post('/', done);
  const port = await listen(app);
  const body = JSON.stringify({ name: 'n', password: 'canary' });
  const headers = { 'content-type': 'application/json', 'x-forwarded-for': '203.0.113.9' };
  await send(port, 'POST', '/?a=1&token=canary', { body, headers });
  expect(await storedEntries(database.pool, 1)).toMatchObject([
    {
      ip: '203.0.113.9',
      details: { query: { a: '1', token: '[redacted]' }, body: { name: 'n', password: '[redacted]' } },
    },
  ]);
});
