import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { auditRoute, sealogExpress, type SealogExpress } from '../../src/integrations/express.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger, type RecordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
let logger: RecordingLogger;
let server: Server | undefined;

beforeEach(async () => {
  database = await createDatabase();
  logger = recordingLogger();
  auditLog = createAuditLog({ connectionString: database.url, beginTimeoutMs: PATIENCE_MS });
});

afterEach(async () => {
  server?.closeAllConnections();
  if (server?.listening) await once(server.close(), 'close');
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const audited = (): SealogExpress => sealogExpress({ auditLog, logger, actor: () => ({ kind: 'anonymous' }) });
const done = (_request: Request, response: Response): void => void response.json({ done: true });
const passOn = (_request: Request, _response: Response, next: NextFunction): void => next();
const skip = (reason: string) => auditRoute({ skip: reason });

async function send(app: Express, ...requests: readonly string[]): Promise<void> {
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const request of requests) {
    const [method = '', path = ''] = request.split(' ');
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    expect([path, response.status]).toEqual([path, 200]);
  }
  server.closeAllConnections();
  await once(server.close(), 'close');
}

async function operations(count: number): Promise<string[]> {
  return (await storedEntries(database.pool, count)).map(({ operation_id }) => operation_id);
}

/** An application with everything that a route may say of itself. */
function inner(): Express {
  const app = express();
  app.use(audited());
  app.get('/export', auditRoute({ operationId: 'export' }), done);
  app.post('/probe', skip('changes nothing'), done);
  app.use('/disks', express.Router().post('/:id', done));
  return app;
}

test.each([
  ['under a parameter', '/tenants/:tenant', '/tenants/a-long-name', '/tenants/:tenant'],
  ['under the root', '/', '', ''],
  ['under a list', ['/one', '/other/:part'], '/other/7', '/other/:part'],
  ['under a regular expression', /^\/v\d+/, '/v12', String.raw`/^\/v\d+/`],
])('an application that is mounted %s', async (_where, mount, base, pattern) => {
  const app = express();
  app.use(mount, inner());
  await send(app, `GET ${base}/export`, `POST ${base}/probe`, `POST ${base}/disks/7`);
  expect(await operations(2)).toEqual(['export', `POST ${pattern}/disks/:id`]);
});

test('a router in an application that is mounted', async () => {
  const app = express();
  const mounted = express();
  const router = express.Router().use(audited());
  router.get('/export', auditRoute({ operationId: 'export' }), done).post('/:id', done);
  mounted.use('/disks', router);
  app.use('/tenants/:tenant', mounted);
  await send(app, 'GET /tenants/a-long-name/disks/export', 'POST /tenants/a-long-name/disks/7');
  expect(await operations(2)).toEqual(['export', 'POST /tenants/:tenant/disks/:id']);
});

test('one that is mounted within another, and one that is mounted twice', async () => {
  const app = express();
  const twice = inner();
  app.use('/longer', twice);
  app.use('/a', twice);
  const outer = express();
  outer.use('/b/:c', inner());
  app.use('/:d', outer);
  app.use(express());
  await send(app, 'GET /longer/export', 'GET /a/export', 'GET /x/b/y/export');
  await send(app, 'POST /longer/disks/7', 'POST /a/disks/7', 'POST /x/b/y/disks/7', 'POST /a/probe');
  expect(await operations(6)).toEqual([
    'export',
    'export',
    'export',
    'POST /longer/disks/:id',
    'POST /a/disks/:id',
    'POST /:d/b/:c/disks/:id',
  ]);
});

test('one of which Express does not know where it is mounted', async () => {
  const app = express();
  const twice = inner();
  app.use('/known', twice);
  const other = express();
  other.use('/unknown', twice);
  await send(app.use('/other', other), 'GET /known/export');
  expect(await operations(1)).toEqual(['export']);
});

test('what a client sent is not in the name of an operation, and no path is too long for one', async () => {
  const app = express();
  const twice = inner();
  app.use('/tenants/:tenant', express.Router().use(twice));
  app.use('/admin', twice);
  await send(app, 'POST /tenants/a/disks/7', `POST /tenants/${'b'.repeat(600)}/disks/7`, 'POST /admin/disks/7');
  expect(await operations(3)).toEqual([
    'POST /(unknown mount)/disks/:id',
    'POST /(unknown mount)/disks/:id',
    'POST /admin/disks/:id',
  ]);
});

test('a route that skips and passes on does not hide what cannot be seen', async () => {
  const app = express();
  app.use(audited());
  app.all('/*rest', skip('only passes on'), passOn);
  app.all('/:any', skip('only passes on'), passOn);
  const mounted = express();
  mounted.post('/disks', done);
  app.use('/inner', mounted);
  app.use('/graphql', done);
  app.use('/api', passOn);
  app.post('/api/probe', skip('health probe, changes nothing'), done);
  await send(app, 'POST /inner/disks', 'POST /graphql', 'POST /api/probe', 'GET /graphql');
  expect(await operations(2)).toEqual(['POST (no route)', 'POST (no route)']);
});

/** As connect makes one: a function that has a `stack`, of what is no layer of Express. */
function connectApplication(stack: unknown = [{ route: '', handle: passOn }]): RequestHandler {
  const handler: RequestHandler = (request, response, next) => {
    if (request.path === '/by-connect') done(request, response);
    else next();
  };
  return Object.assign(handler, { route: '/', stack });
}

test.each(['/', '/connected'])('an application of connect is mounted at %s', async (mount) => {
  const app = express();
  app.use(audited());
  app.use(mount, connectApplication(), connectApplication({ size: 1 }), connectApplication([null]));
  app.all('/*rest', skip('only passes on'), passOn);
  app.post('/disks', done).get('/disks', done);
  app.post('/probe', skip('changes nothing'), done);
  const path = mount === '/' ? '/by-connect' : '/connected/by-connect';
  await send(app, `GET ${path}`, `POST ${path}`, 'GET /disks', 'POST /disks');
  if (mount === '/connected') await send(app, 'POST /probe');
  expect(await operations(2)).toEqual(['POST (no route)', 'POST /disks']);
});

test('a route that skips does not hide an application without a path, unless it says what it is for', async () => {
  const mounted = express().post('/disks', done);
  for (const mount of [mounted, express.Router().use(mounted)]) {
    for (const catchAll of ['/*rest', '/:any', /^\/(?:.+)/]) {
      const app = express();
      app.use(audited(), mount);
      app.all(catchAll, skip('only passes on'), passOn);
      await send(app, 'POST /disks');
    }
  }
  const app = express();
  app.use(audited(), mounted);
  app.post('/probe/:id', skip('changes nothing'), done);
  await send(app, 'POST /probe/1');
  expect(await operations(6)).toEqual(Array.from({ length: 6 }, () => 'POST (no route)'));
});

test.each<[string, RequestHandler, string, RequestHandler]>([
  ['/:tenant', done, '/', express.Router().post('/:tenants', skip('only passes on'), passOn)],
  ['/api', done, '/api', express.Router().post(/\/.+/, skip('only passes on'), passOn)],
  ['/api', express().post('/disks', done), '/api', express.Router().post('/:any', skip('only passes on'), passOn)],
])('what is mounted at %s is audited, and not hidden by what only looks as if it were below', async (...mounts) => {
  const [path, mounted, prefix, skipping] = mounts;
  const app = express();
  app.use(audited()).use(path, mounted).use(prefix, skipping);
  await send(app, 'POST /api/disks', 'POST /api/disks/');
  if (path === '/:tenant') await send(app, 'POST /acme');
  expect(await operations(path === '/:tenant' ? 3 : 2)).toContain('POST (no route)');
});

test('two of the middleware are one', async () => {
  const app = express();
  app.use(audited(), audited());
  app.post('/x', done);
  await send(app, 'POST /x');
  await auditLog.begin({ operationId: 'last', actor: { kind: 'system' } });
  const entries = await storedEntries(database.pool, 2, { incomplete: 1 });
  expect(entries.map(({ operation_id }) => operation_id)).toEqual(['POST /x', 'last']);
});

test('a named route that reads is logged where the middleware in front of it cannot find it, and only there', async () => {
  const app = express();
  const audit = audited();
  const named = (operationId: string) => auditRoute({ operationId });
  const elsewhere = express.Router().get('/x', named('wrapped'), done);
  app.get('/behind', named('behind'), audit, done);
  app.use(audit);
  app.use('/mounted', express().get('/x', named('mounted'), done));
  app.use('/inside', express().get('/x', named('inside'), audited(), done));
  app.use('/wrapped', (request, response, next) => elsewhere(request, response, next));
  app.get('/found', named('found'), named('found'), done);
  app.use('/used', named('used'), named('used'), done);
  await send(app, 'GET /behind', 'GET /mounted/x', 'GET /inside/x', 'GET /wrapped/x', 'GET /found', 'GET /used');
  expect(await operations(3)).toEqual(['behind', 'inside', 'found']);
  await waitUntil('all are logged', () => logger.lines.length >= 3);
  expect(logger.lines.map(({ level, event, operationId }) => [level, event, operationId])).toEqual(
    ['mounted', 'wrapped', 'used'].map((name) => ['error', 'audit-log.operation-unaudited', name]),
  );
});

test('a catch-all that skips does not hide a router that a function of the service calls', async () => {
  const router = express.Router().post('/disks', done);
  const app = express();
  app.use(audited());
  app.use((request, response, next) => router(request, response, next));
  app.use('/api', (request, response, next) => router(request, response, next));
  app.all('/api/:any', skip('not found'), passOn);
  app.all('/{*rest}', skip('not found'), passOn);
  await send(app, 'POST /disks', 'POST /api/disks');
  expect(await operations(2)).toEqual(['POST (no route)', 'POST (no route)']);
});

test('what a route says of its audit is found behind the functions of an agent that watches the service', async () => {
  const watched = (handler: RequestHandler, key: string | symbol): RequestHandler =>
    Object.assign((...given: Parameters<RequestHandler>) => handler(...given), { [key]: handler });
  const app = express();
  app.use(audited());
  app.get('/export', watched(auditRoute({ operationId: 'export' }), Symbol('original')), done);
  app.post('/probe', watched(watched(skip('changes nothing'), Symbol('original')), '__original'), done);
  await send(app, 'POST /probe', 'GET /export');
  expect(await operations(1)).toEqual(['export']);
  expect(logger.withEvent('audit-log.operation-unaudited')).toEqual([]);
});

test('a route that skips and says what it is for does so beside functions in front of it', async () => {
  const hooks = express.Router().use(audited(), passOn);
  hooks.post('/', skip('a ping'), done);
  const app = express();
  app.use(audited(), passOn);
  app.use('/webhook', express.raw());
  app.post('/', skip('a ping'), done);
  app.post('/webhook', skip('a ping'), done);
  app.post('/files/*path', skip('a ping'), done);
  app.use('/hooks', hooks);
  await send(app, 'POST /', 'POST /webhook', 'POST /files/a/b', 'POST /hooks');
  await auditLog.record({ operationId: 'last', actor: { kind: 'system' } }, () => {});
  expect(await operations(1)).toEqual(['last']);
});
