import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import fastify from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { auditRoute, sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import {
  AuditCoverageError,
  type AuditCoverageOptions,
  type AuditedService,
  checkAuditCoverage,
  expressService,
  fastifyService,
  openApiService,
} from '../../src/integrations/testing.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { settledAuditLog } from '../support/settled-audit-log.ts';
import { PATIENCE_MS } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;

beforeEach(async () => {
  database = await createDatabase();
  auditLog = settledAuditLog(createAuditLog({ connectionString: database.url, beginTimeoutMs: PATIENCE_MS }));
});

afterEach(async () => {
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const actor = () => ({ kind: 'user', id: 'alice' }) as const;
const done = (_request: unknown, response: { end(): unknown }): void => void response.end();

/** The names of the routes that are covered, or else the problems. */
async function proof(service: AuditedService, options: Partial<AuditCoverageOptions> = {}) {
  try {
    const { routes } = await checkAuditCoverage({ service, auditLog, timeoutMs: 1500, ...options });
    return { covered: routes.map(({ name }) => name) };
  } catch (error) {
    if (error instanceof AuditCoverageError) return { problems: error.problems };
    throw error;
  }
}

async function listen(app: Express) {
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

test('fills parameters as each framework writes them', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  const called: string[] = [];
  app.addHook('onRequest', async ({ url }) => void called.push(url));
  app.post('/disks/:id(^\\d+$)::undelete', async () => '');
  app.post('/a/:b-:c/:d?', async () => '');
  app.post('/e/*', async () => '');
  expect(await proof(fastifyService(app), { examples: { 'POST /e/*': { params: { '*': 'f' } } } })).toEqual({
    covered: ['POST /disks/:id(^\\d+$)::undelete', 'POST /a/:b-:c/:d?', 'POST /e/*'],
  });
  expect(called).toEqual(['/disks/1:undelete', '/a/1-1/1', '/e/f']);

  called.length = 0;
  const other = express();
  other.use((request, _response, next) => {
    called.push(request.url);
    next();
  }, sealogExpress({ auditLog, actor }));
  const paths = ['/disks/:id\\:undelete', '/a{/:page}', '/b/:"disk id"', '/c/*rest', '/d{.:extension}'];
  for (const path of paths) other.post(path, done);
  const examples = { 'POST /b/:"disk id"': { params: { 'disk id': 'x' } } };
  expect(await proof(expressService(other), { examples })).toEqual({ covered: paths.map((path) => `POST ${path}`) });
  expect(called).toEqual(['/disks/1:undelete', '/a/1', '/b/x', '/c/1', '/d.1']);
});

test('calls a verb behind a colon as what it is, and not the route beside it', async () => {
  const app = express();
  app.post(/^\/disks\/(\w+):undelete$/, done);
  app.use(sealogExpress({ auditLog, actor }));
  app.post('/disks/:id', done);
  await using server = await listen(app);
  const document = { paths: { '/disks/{id}': { post: {} }, '/disks/{id}:undelete': { post: {} } } };
  expect(await proof(openApiService(document, server))).toEqual({
    problems: ['POST /disks/{id}:undelete: left no entry (answered 200)'],
  });
});

test('the servers of an OpenAPI document are where it is called', async () => {
  const app = express();
  app.post('/v1/disks', done);
  app.use(sealogExpress({ auditLog, actor }));
  app.all('/*rest', (_request, response) => void response.status(404).end());
  await using server = await listen(app);
  const document = { servers: [{ url: 'https://api.example.com/v1/' }], paths: { '/disks': { post: {} } } };
  expect(await proof(openApiService(document, server))).toEqual({
    problems: [`servers: expected a url that ends with /v1, got ${server.url}`],
  });
  expect(await proof(openApiService(document, { url: `${server.url}/v1/` }))).toEqual({
    problems: ['POST /disks: left no entry (answered 200)'],
  });
});

test('what an OpenAPI document tells in another way is a problem', async () => {
  const app = express();
  app.use(sealogExpress({ auditLog, actor }));
  app.post('/disks', done);
  await using server = await listen(app);
  const servers = [{ url: '/v2' }];
  const document = {
    servers: [{ url: '/' }],
    paths: {
      '/disks': { post: {}, additionalOperations: { COPY: {} } },
      '/hidden': { $ref: '#/components/pathItems/hidden' },
      '/elsewhere': { servers, parameters: [] },
      '/other': { get: { servers } },
    },
  };
  expect(await proof(openApiService(document, server))).toEqual({
    problems: [
      '/disks: expected operations, got additionalOperations',
      '/hidden: expected operations, got $ref',
      '/elsewhere: expected operations, got servers',
      '/other, get: expected the servers of the document, got servers',
    ],
  });
});

test('routes of Fastify are told apart by their constraints', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  app.post('/x', async () => 'shown');
  const config = { audit: { skip: 'to be found by this test' } };
  app.post('/x', { constraints: { host: 'a.example' }, config }, async () => 'hidden');
  app.post('/x', { constraints: { version: '2.0.0', host: 'b.example' } }, async () => 'versioned');
  app.post('/x', { constraints: { host: /^c/ }, config }, async () => 'hidden, too');
  const service = fastifyService(app);
  expect(await proof(service)).toEqual({
    problems: [
      'POST /x {host: /^c/}: expected `headers` in its example, because none can be made of its constraints',
      'POST /x {host: a.example}: left no entry (answered 200)',
    ],
  });
  const options = {
    examples: { 'POST /x {host: /^c/}': { headers: { host: 'c.example' } } },
    allow: { 'POST /x {host: a.example}': 'a test', 'POST /x {host: /^c/}': 'a test' },
  };
  expect(await proof(service, options)).toMatchObject({ covered: { length: 4 } });
});

test('an entry of another route covers nothing', async () => {
  const app = express();
  app.post(/^\/disks\/(\d+)$/, done);
  app.use(sealogExpress({ auditLog, actor }));
  app.post('/named', auditRoute({ operationId: 'own_name' }), done);
  app.all('/*rest', (_request, response) => void response.status(404).end());
  const disks = String.raw`POST /^\/disks\/(\d+)$/`;
  const at = (path: string) => proof(expressService(app), { examples: { [disks]: { path } } });
  expect(await at('/disks/x')).toEqual({
    problems: [`${disks}: the call left an entry of another route, POST /*rest (answered 404)`],
  });
  expect(await at('/named')).toEqual({
    problems: [`${disks}: the call left an entry of another route, own_name (answered 200)`],
  });

  await using other = fastify();
  await other.register(sealogFastify, { auditLog, actor, operationId: ({ path }) => `by rule ${path}` });
  other.post('/a', async () => '');
  other.post('/b', async () => '');
  expect(await proof(fastifyService(other), { examples: { 'POST /a': { path: '/b' } } })).toEqual({
    problems: ['POST /a: the call left an entry of another route, by rule /b (answered 200)'],
  });
});

test('whatever a rule of the service calls them, a call covers only the route that it came to', async () => {
  const app = express();
  app.use(sealogExpress({ auditLog, actor, operationId: ({ path }) => `by rule ${path.replaceAll(/\W/g, '')}` }));
  app.post('/disks/:id', done);
  app.post('/other', done);
  const at = (path: string) => proof(expressService(app), { examples: { 'POST /disks/:id': { path } } });
  expect(await at('/nowhere/1')).toEqual({ problems: ['POST /disks/:id: the call reached no route (answered 404)'] });
  expect(await at('/other')).toEqual({
    problems: ['POST /disks/:id: the call left an entry of another route, POST /other (answered 200)'],
  });
  expect(await at('/disks/1')).toEqual({ covered: ['POST /disks/:id', 'POST /other'] });

  await using other = fastify();
  await other.register(sealogFastify, { auditLog, actor, operationId: () => 'the same' });
  other.post('/a', async () => '');
  other.post('/b', async () => '');
  expect(await proof(fastifyService(other))).toEqual({ covered: ['POST /a', 'POST /b'] });
  expect(await proof(fastifyService(other), { examples: { 'POST /a': { path: '/b' } } })).toEqual({
    problems: ['POST /a: the call left an entry of another route, POST /b (answered 200)'],
  });
});

test('an exception that is out of date is found though its entry is completed late', async () => {
  await using app = fastify();
  await using log = createAuditLog({ connectionString: database.url, beginTimeoutMs: PATIENCE_MS });
  const [isAskedAgain, isCompleted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = {
    begin: log.begin.bind(log),
    async complete(...[id, completion]: Parameters<AuditLog['complete']>) {
      if (completion.httpStatusCode !== 202) return await log.complete(id, completion);
      await isAskedAgain.promise;
      return await log.complete(id, completion).finally(isCompleted.resolve);
    },
  };
  let asked = 0;
  const list: AuditLog['list'] = async (query) => {
    if (++asked === 2) isAskedAgain.resolve();
    if (asked >= 2) await isCompleted.promise;
    return await log.list(query);
  };
  await app.register(sealogFastify, { auditLog: slow, actor });
  app.post('/listed', async (_request, reply) => reply.code(202).send());
  app.post('/other', async () => '');
  const options = { auditLog: { ...log, list }, allow: { 'POST /listed': 'was not audited' } };
  expect(await proof(fastifyService(app), options)).toEqual({
    problems: ['allow, POST /listed: it does leave an entry, take it off the list'],
  });
});
