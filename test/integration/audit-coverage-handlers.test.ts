/** The proof of coverage: handlers that a call does not show. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import fastify from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import {
  AuditCoverageError,
  type AuditedService,
  checkAuditCoverage,
  expressService,
  fastifyService,
} from '../../src/integrations/testing.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let auditLog: AuditLog;

beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url });
});

afterEach(async () => {
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** What is wrong. */
async function problemsOf(service: AuditedService): Promise<readonly string[]> {
  try {
    await checkAuditCoverage({ service, auditLog, timeoutMs: 1500 });
    return [];
  } catch (error) {
    if (error instanceof AuditCoverageError) return error.problems;
    throw error;
  }
}

const actor = () => ({ kind: 'user', id: 'alice' }) as const;
const done: RequestHandler = (_request, response) => void response.status(201).end();
const passOn: RequestHandler = (_request, _response, next) => next();

test('a function behind the handler that is for errors alone is not its last', async () => {
  const app = express();
  app.use(sealogExpress({ auditLog, actor }).refusals);
  const onError: ErrorRequestHandler = (_error, _request, response, _next) => void response.status(500).end();
  const refuses: RequestHandler = (_request, response) => void response.status(404).end();
  app.post('/refused', refuses, onError);
  expect(await problemsOf(expressService(app))).toEqual([
    'POST /refused: its handler ran before any entry was begun, put the middleware in front of it (answered 404)',
  ]);
});

test('what has a stack and is no router has no routes', async () => {
  const app = express();
  app.use(sealogExpress({ auditLog, actor }));
  // As an application of connect has it.
  app.use('/connected', Object.assign(passOn.bind(undefined), { stack: [{ route: '/deep', handle: passOn }] }));
  app.post('/disks', done);
  expect(await problemsOf(expressService(app))).toEqual([]);
});

test('a call proves nothing of a second route of its name, unless it came to that, or its entry was begun before', async () => {
  const app = express();
  const audit = sealogExpress({ auditLog, actor });
  const elsewhere: RequestHandler = (_request, _response, next) => next('route');
  app.post('/second', passOn, elsewhere, audit, done).post('/second', passOn, audit, done);
  app.post('/both', passOn, audit, passOn).post('/both', done);
  app.post('/first', passOn, audit, done).post('/first', passOn, done);
  app.use('/behind', passOn, audit);
  app.post('/behind', done).post('/behind', done);
  const problem = '2 routes have this name, and not all of them were called, put the middleware in front of them';
  expect(await problemsOf(expressService(app))).toEqual([
    `POST /second: ${problem} (answered 201)`,
    `POST /first: ${problem} (answered 201)`,
  ]);
});

test('Fastify: a handler that an onRoute hook has put in place of the audited one is a problem, one around it is none', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  app.addHook('onRoute', (route) => {
    const { handler } = route;
    route.preHandler = [];
    route.handler = function around(request, reply) {
      return route.url === '/replaced' ? 'mine' : handler.call(this, request, reply);
    };
  });
  app.post('/replaced', async () => '');
  app.post('/around', async () => '');
  app.post('/refused', { onRequest: async (_request, reply) => reply.code(403).send() }, async () => '');
  expect(await problemsOf(fastifyService(app))).toEqual([
    'POST /replaced: an onRoute hook replaced its handler, and the call did not come to it, add that hook before sealogFastify (answered 200)',
  ]);
  await using other = fastify();
  await other.register(sealogFastify, { auditLog, actor });
  other.post('/by-a-hook', { onRequest: async (_request, reply) => reply.send('mine') }, async () => '');
  expect(await problemsOf(fastifyService(other))).toEqual([]);
});
