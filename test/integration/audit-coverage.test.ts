import { afterEach, beforeEach, expect, test } from '@jest/globals';
import express from 'express';
import fastify from 'fastify';
import type { AddressInfo } from 'node:net';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import {
  type AuditCoverageError,
  type AuditCoverageOptions,
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

const covered = async (options: AuditCoverageOptions) =>
  (await checkAuditCoverage(options)).routes.map(({ name }) => name);

async function problemsOf(check: Promise<unknown>): Promise<readonly string[]> {
  const error = await check.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: 'AuditCoverageError', code: 'SEALOG_AUDIT_COVERAGE' });
  return (error as AuditCoverageError).problems;
}

test('calls every mutating route of a Fastify application, with the examples given', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  const seen: unknown[] = [];
  app.get('/disks', async () => []);
  await app.register(
    async (scope) => {
      scope
        .post('/disks/:id/:part', async ({ params, body, query, headers }) => {
          seen.push({ params, body, query, user: headers['x-user'] });
          return {};
        })
        .delete('/disks/*', async () => Promise.reject(new Error('gone')));
    },
    { prefix: '/v1' },
  );
  const coverage = await checkAuditCoverage({
    service: fastifyService(app),
    auditLog,
    headers: { 'x-user': 'alice' },
    examples: { 'POST /v1/disks/:id/:part': { params: { id: 'a b' }, query: { q: '1' }, body: { size: 1 } } },
  });
  expect(coverage).toEqual({
    routes: [
      { name: 'POST /v1/disks/:id/:part', status: 200, reachedHandler: true },
      { name: 'DELETE /v1/disks/*', status: 500, reachedHandler: true },
    ],
    reachedHandler: 2,
    succeeded: 1,
  });
  expect(seen).toEqual([{ params: { id: 'a b', part: '1' }, body: { size: 1 }, query: { q: '1' }, user: 'alice' }]);
});

test('fails on what leaves no entry, and on exceptions that are out of date, all at once', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  app.post('/audited', async () => '');
  app.post('/listed', async () => '');
  const config = { audit: { skip: 'to be found by this test' } };
  app.post('/unaudited', { config }, async () => '');
  app.post('/probe', { config }, async () => '');
  const check = checkAuditCoverage({
    service: fastifyService(app),
    auditLog,
    examples: { 'POST /typo': {} },
    allow: { 'POST /listed': 'was not audited', 'POST /probe': 'health probe', 'POST /removed': 'old', 'POST /x': '' },
    timeoutMs: 500,
  });
  const routes = 'POST /audited, POST /listed, POST /unaudited, POST /probe';
  expect(await problemsOf(check)).toEqual([
    `allow, POST /removed: there is no such route, only ${routes}`,
    `allow, POST /x: there is no such route, only ${routes}`,
    `examples, POST /typo: there is no such route, only ${routes}`,
    'allow, POST /listed: it does leave an entry, take it off the list',
    'POST /unaudited: left no entry (answered 200)',
    'allow, POST /x: expected the reason why',
  ]);
});

test('an entry that is never completed is none', async () => {
  await using app = fastify();
  await using log = createAuditLog({ connectionString: database.url, beginTimeoutMs: PATIENCE_MS });
  const never = { begin: log.begin.bind(log), complete: async () => ({ status: 'not-found' }) as const };
  await app.register(sealogFastify, { auditLog: never, actor });
  app.post('/', async () => '');
  const check = checkAuditCoverage({ service: fastifyService(app), auditLog, timeoutMs: 300 });
  expect(await problemsOf(check)).toEqual(['POST /: left no entry (answered 200)']);
});

test('finds the route of an Express application that stands before the middleware', async () => {
  const app = express();
  app.post('/early', (_request, response) => void response.end());
  app.use(sealogExpress({ auditLog, actor }));
  const router = express.Router();
  router.put('/disks/:id', (_request, response) => void response.end());
  app.use('/v1', router);
  const service = expressService(app);
  expect(await problemsOf(checkAuditCoverage({ service, auditLog, timeoutMs: 500 }))).toEqual([
    'POST /early: left no entry (answered 200)',
  ]);
  const allow = { 'POST /early': 'a test' };
  expect(await covered({ service, auditLog, allow })).toEqual(['POST /early', 'PUT /v1/disks/:id']);
  app.use('/mounted', express());
  expect(await problemsOf(checkAuditCoverage({ service, auditLog, allow }))).toEqual([
    '/mounted: expected a router, got a mounted application: check it by itself',
  ]);
});

test('a route of Express for all methods is called with POST, and an application under a router is seen', async () => {
  const app = express();
  app.use(sealogExpress({ auditLog, actor }));
  const done = (_request: unknown, response: { end(): unknown }): void => void response.end();
  app.all('/all', done);
  app.route('/both').all(done).put(done);
  const service = expressService(app);
  const names = ['POST /all', 'POST /both', 'PUT /both'];
  expect((await covered({ service, auditLog })).toSorted()).toEqual(names);
  app.use('/router', express.Router().use('/mounted', express()));
  expect(await problemsOf(checkAuditCoverage({ service, auditLog }))).toEqual([
    '/router/mounted: expected a router, got a mounted application: check it by itself',
  ]);
});

test('a route of Express is not covered by a call that does not reach it', async () => {
  const app = express();
  app.use(sealogExpress({ auditLog, actor }));
  const done = (_request: unknown, response: { end(): unknown }): void => void response.end();
  app.post(/^\/disks\/(\d+)$/, done);
  app.use(/^\/v(1|2)/, express.Router().put('/x', done));
  app.post('/y', done);
  const service = expressService(app);
  const [disks, versions] = [String.raw`POST /^\/disks\/(\d+)$/`, String.raw`PUT /^\/v(1|2)//x`];
  const check = (examples: Record<string, { path: string }>, allow = {}) =>
    covered({ service, auditLog, examples, allow, timeoutMs: 500 });
  expect(await problemsOf(check({}))).toEqual([
    `${disks}: expected \`path\` in its example, because none can be made of a regular expression`,
    `${versions}: expected \`path\` in its example, because none can be made of a regular expression`,
  ]);
  const wrong = { [disks]: { path: '/disks/x' }, [versions]: { path: '/v3/x' } };
  expect(await problemsOf(check(wrong, { [versions]: 'a test' }))).toEqual([
    `${versions}: the call reached no route (answered 404)`,
    `${disks}: the call reached no route (answered 404)`,
  ]);
  const right = { [disks]: { path: '/disks/7' }, [versions]: { path: '/v1/x' } };
  expect(await check(right)).toEqual([disks, versions, 'POST /y']);
});

test('calls the operations of an OpenAPI document over HTTP', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  app.post('/disks/:id', async () => '');
  await app.listen({ port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`;
  const document = { paths: { '/disks/{id}': { parameters: [], get: {}, post: {} }, '/gone': { delete: {} } } };
  expect(
    await problemsOf(checkAuditCoverage({ service: openApiService(document, { url }), auditLog, timeoutMs: 500 })),
  ).toEqual(['DELETE /gone: left no entry (answered 404)']);
});

test('refuses to prove nothing', async () => {
  await using app = fastify();
  await expect(checkAuditCoverage({ service: fastifyService(app), auditLog })).rejects.toThrow(/sealog\/fastify/);
  const check = checkAuditCoverage({ service: openApiService({}, { url: 'http://127.0.0.1' }), auditLog });
  expect(await problemsOf(check)).toEqual(['expected routes that mutate, got none']);
});
