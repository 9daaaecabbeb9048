/** The proof of coverage: who the entries are by, how many there are, and how far the calls came. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import express, { type NextFunction, type Request, type Response } from 'express';
import fastify from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import {
  type AuditCoverage,
  AuditCoverageError,
  type AuditCoverageOptions,
  checkAuditCoverage,
  expressService,
  fastifyService,
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

async function proof(options: Omit<AuditCoverageOptions, 'auditLog'>): Promise<AuditCoverage | readonly string[]> {
  try {
    return await checkAuditCoverage({ auditLog, timeoutMs: 1500, ...options });
  } catch (error) {
    if (error instanceof AuditCoverageError) return error.problems;
    throw error;
  }
}

/** A session whose cookie names the user. */
const userOf = (headers: { readonly cookie?: string | undefined }) => /^session=(\w+)$/.exec(headers.cookie ?? '')?.[1];

const actor = ({ headers }: { readonly headers: { readonly cookie?: string | undefined } }) => {
  const id = userOf(headers);
  return id === undefined ? ({ kind: 'anonymous' } as const) : ({ kind: 'user', id } as const);
};

/** As express-jwt is used: in the route. */
function requireSession(
  request: Request & { user?: string | undefined },
  response: Response,
  next: NextFunction,
): void {
  request.user = userOf(request.headers);
  if (request.user === undefined) response.status(401).end();
  else next();
}

const late = ({ user }: Request & { user?: string }) =>
  user === undefined ? ({ kind: 'anonymous' } as const) : ({ kind: 'user', id: user } as const);
const done = (_request: Request, response: Response): void => void response.status(201).end();
const headers = { cookie: 'session=alice' };

test('success by an anonymous actor is a problem, with the place of the middleware where that is why', async () => {
  const app = express();
  app.use(sealogExpress({ auditLog, actor: late }));
  app.post('/disks', requireSession, done);
  app.post('/public', done);
  app.post('/refused', (_request, response) => void response.status(403).end());
  const service = expressService(app);
  expect(await proof({ service, headers })).toEqual([
    'POST /disks: the call succeeded by an anonymous actor (answered 201), who became known later: ' +
      'begin its entry behind what finds out who asks',
    'POST /public: the call succeeded by an anonymous actor (answered 201)',
  ]);
  expect(
    await proof({ service, headers, anonymous: { 'POST /disks': 'as it is', 'POST /public': 'for all' } }),
  ).toEqual({
    routes: [
      { name: 'POST /disks', status: 201, reachedHandler: true },
      { name: 'POST /public', status: 201, reachedHandler: true },
      { name: 'POST /refused', status: 403, reachedHandler: true },
    ],
    reachedHandler: 3,
    succeeded: 2,
  });
});

test('behind what finds out who asks there is none, whether it refuses or not; the result shows how far calls came', async () => {
  const app = express();
  const audit = sealogExpress({ auditLog, actor: late });
  app.use(audit.refusals);
  app.post('/disks', requireSession, audit, done);
  app.use('/admin', express.Router().use(requireSession, audit).put('/users', done));
  const service = expressService(app);
  expect(await proof({ service })).toEqual({
    routes: [
      { name: 'POST /disks', status: 401, reachedHandler: false },
      { name: 'PUT /admin/users', status: 401, reachedHandler: false },
    ],
    reachedHandler: 0,
    succeeded: 0,
  });
  expect(await proof({ service, headers })).toMatchObject({ reachedHandler: 2, succeeded: 2 });
});

test('a route without the middleware is a problem, though refusals are recorded in front of it', async () => {
  const app = express();
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  app.use(sealogExpress({ auditLog, actor: late, logger: quiet }).refusals);
  app.post('/forgotten', done);
  app.post('/refused', (_request, response) => void response.status(400).end());
  expect(await proof({ service: expressService(app) })).toEqual([
    'POST /forgotten: left no entry (answered 201)',
    'POST /refused: its handler ran before any entry was begun, put the middleware in front of it (answered 400)',
  ]);
});

test('the list of anonymous routes is checked as the others are', async () => {
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  app.post('/login', async () => '');
  app.post('/disks', async () => '');
  app.post('/broken', async () => Promise.reject(new Error('broken')));
  const anonymous = { 'POST /login': ' ', 'POST /disks': 'old', 'POST /broken': 'may be', 'POST /gone': 'old' };
  const examples = { 'POST /login': { headers: { cookie: '' } } };
  expect(await proof({ service: fastifyService(app), headers, examples, anonymous })).toEqual([
    'anonymous, POST /gone: there is no such route, only POST /login, POST /disks, POST /broken',
    'anonymous, POST /disks: it succeeds by somebody who is known, take it off the list',
    'anonymous, POST /login: expected the reason why',
  ]);
});

test('two entries of one call are a problem', async () => {
  await using app = fastify();
  const second = new Map<string, string>();
  const twice: Pick<AuditLog, 'begin' | 'complete'> = {
    async begin(entry) {
      const begun = await auditLog.begin(entry);
      if (entry.operationId === 'POST /twice') second.set(begun.id, (await auditLog.begin(entry)).id);
      return begun;
    },
    async complete(id, completion) {
      const result = await auditLog.complete(id, completion);
      const other = second.get(id);
      if (other !== undefined) await auditLog.complete(other, completion);
      return result;
    },
  };
  await app.register(sealogFastify, { auditLog: twice, actor });
  app.post('/once', async () => '');
  app.post('/twice', async () => '');
  expect(await proof({ service: fastifyService(app), headers })).toEqual([
    'POST /twice: expected one entry of the call, got 2 (answered 200)',
  ]);
});

test('it signs in before the calls, by calls to the service, in both frameworks', async () => {
  let logins = 0;
  const login: AuditCoverageOptions['login'] = async (call) => {
    logins++;
    const { status, body, cookie } = await call({ path: '/login', body: { user: 'alice' } });
    expect([status, body]).toEqual([200, 'welcome']);
    return { cookie };
  };
  const anonymous = { 'POST /login': 'nobody is known yet' };
  const examples = { 'POST /login': { body: { user: 'bob' }, headers: { cookie: '' } } };

  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  app.post<{ Body: { user: string } }>('/login', async ({ body }, reply) => {
    return await reply.header('set-cookie', [`session=${body.user}; HttpOnly; Path=/`]).send('welcome');
  });
  app.post(
    '/disks',
    { preHandler: async ({ headers: sent }, reply) => (userOf(sent) ? undefined : reply.code(401).send()) },
    async () => '',
  );
  const service = fastifyService(app);
  expect(await proof({ service, login, anonymous, examples })).toMatchObject({ reachedHandler: 2, succeeded: 2 });
  expect(await proof({ service, anonymous, examples })).toMatchObject({ reachedHandler: 1, succeeded: 1 });

  const other = express();
  other.use(express.json(), sealogExpress({ auditLog, actor }));
  other.post('/login', (request: Request<object, unknown, { user: string }>, response) => {
    response.cookie('session', request.body.user, { httpOnly: true }).send('welcome');
  });
  other.post('/disks', requireSession, done);
  expect(await proof({ service: expressService(other), login, anonymous, examples })).toMatchObject({
    reachedHandler: 2,
    succeeded: 2,
  });
  expect(logins).toBe(2);

  await expect(proof({ service, login: (() => undefined) as never })).rejects.toThrow('login: expected an object');
  await expect(proof({ service, login: (() => ({ cookie: undefined })) as never })).rejects.toThrow(
    'login, cookie: expected text, got "undefined"',
  );
});
