/** Who asks, where a service finds that out in its routes, as it does with express-jwt and with passport. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import fastify from 'fastify';
import { type Actor, type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress, type SealogExpressOptions } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger, type RecordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS } from '../support/wait.ts';

interface Identified extends Request {
  /** Where express-jwt puts the claims of a token. */
  auth?: { readonly sub: string; readonly org?: string };
  /** Where passport puts whom its strategy has found. */
  user?: { readonly id: string };
}

let database: TestDatabase;
let auditLog: AuditLog;
let logger: RecordingLogger;
let server: Server | undefined;

beforeEach(async () => {
  database = await createDatabase();
  logger = recordingLogger();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
});

afterEach(async () => {
  server?.closeAllConnections();
  if (server?.listening) await once(server.close(), 'close');
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const actor = ({ auth, user }: Identified): Actor => {
  const id = auth?.sub ?? user?.id;
  return id === undefined ? { kind: 'anonymous' } : { kind: 'user', id };
};

const auditOf = (more: Partial<SealogExpressOptions> = {}) => sealogExpress({ auditLog, logger, actor, ...more });

/** As express-jwt does: whom it does not know it refuses by an error, and the error handler answers. */
function requireJwt(request: Identified, _response: Response, next: NextFunction): void {
  const token = request.get('authorization')?.replace('Bearer ', '');
  if (token === undefined) {
    next(Object.assign(new Error('No authorization token was found'), { status: 401, code: 'credentials_required' }));
    return;
  }
  request.auth = { sub: token, org: 'acme' };
  next();
}

/** As passport does with `failureRedirect`: it asks its store, and sends whom it does not know elsewhere. */
async function requireLogin(request: Identified, response: Response, next: NextFunction): Promise<void> {
  const cookie = await Promise.resolve(request.get('cookie'));
  if (cookie === undefined) {
    response.redirect('/login');
    return;
  }
  request.user = { id: cookie };
  next();
}

const done = (_request: Request, response: Response): void => void response.json({ done: true });

async function listen(app: Express): Promise<(path: string, headers?: Record<string, string>) => Promise<number>> {
  // What Express would print of an error is none of these tests'.
  app.set('env', 'test');
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async (path, headers = {}) => {
    const { status } = await fetch(base + path, {
      method: 'POST',
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return status;
  };
}

describe('Express, with the middleware behind what finds out who asks', () => {
  test('whom a token names is the actor, and who has none leaves an entry as well', async () => {
    const app = express();
    const audit = auditOf({ tenant: ({ auth }: Identified) => auth?.org });
    app.use(audit.refusals);
    app.post('/disks', [requireJwt, audit], done);
    app.use('/admin', express.Router().use(requireJwt, audit).post('/users', done));
    app.use(audit.errors);
    const post = await listen(app);
    const alice = { authorization: 'Bearer alice' };
    expect(await post('/disks', alice)).toBe(200);
    expect(await post('/admin/users', alice)).toBe(200);
    await storedEntries(database.pool, 2);
    expect(await post('/disks')).toBe(401);
    const entries = await storedEntries(database.pool, 3);
    expect(entries.map((entry) => [entry.operation_id, entry.actor, entry.tenant, entry.status, entry.code])).toEqual([
      ['POST /disks', 'user:alice', 'acme', 200, null],
      ['POST /admin/users', 'user:alice', 'acme', 200, null],
      ['POST /disks', 'anonymous', null, 401, 'credentials_required'],
    ]);
    expect(entries.map(({ details }) => details)).toEqual([null, null, null]);
    expect(logger.lines).toEqual([]);
  });

  test('who is sent elsewhere leaves an entry; load that is shed does not', async () => {
    const app = express();
    const audit = auditOf();
    app.use(audit.refusals);
    app.post('/disks', requireLogin, audit, done);
    app.post('/busy', (_request, response) => void response.status(503).end());
    const post = await listen(app);
    expect(await post('/busy')).toBe(503);
    expect(await post('/disks')).toBe(302);
    await storedEntries(database.pool, 1);
    expect(await post('/disks', { cookie: 'bob' })).toBe(200);
    expect((await storedEntries(database.pool, 2)).map((entry) => [entry.actor, entry.status])).toEqual([
      ['anonymous', 302],
      ['user:bob', 200],
    ]);
  });

  test('what succeeds without coming to the middleware is logged at error, and has no entry', async () => {
    const app = express();
    app.use(auditOf().refusals);
    app.post('/forgotten', done);
    const post = await listen(app);
    expect(await post('/forgotten')).toBe(200);
    expect(logger.lines).toMatchObject([
      { level: 'error', event: 'audit-log.operation-unaudited', operationId: 'POST /forgotten' },
    ]);
    expect(await storedEntries(database.pool, 0)).toEqual([]);
  });

  test('a refusal that cannot be recorded is logged, and stopping waits for those that can', async () => {
    const app = express();
    const audit = auditOf();
    app.use(audit.refusals);
    app.post('/disks', requireJwt, audit, done);
    const post = await listen(app);
    expect(await post('/disks')).toBe(401);
    server?.closeAllConnections();
    await once(server!.close(), 'close');
    await audit[Symbol.asyncDispose]();
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ status: 401 }]);

    await database.pool.query('alter table sealog.audit_log rename to elsewhere');
    const again = await listen(app);
    expect(await again('/disks')).toBe(401);
    server?.closeAllConnections();
    await once(server!.close(), 'close');
    await audit.settled();
    expect(logger.withEvent('audit-log.refusal-lost')).toHaveLength(1);
  });
});

describe('Express, with the middleware in front of what finds out who asks', () => {
  test('whom the route finds is in the details, beside what is there', async () => {
    const app = express();
    const tenant = ({ auth }: Identified) => auth?.org;
    app.use(express.json(), auditOf({ tenant, record: { query: true } }));
    app.post('/disks', requireJwt, done);
    const post = await listen(app);
    await post('/disks?size=1', { authorization: 'Bearer alice' });
    await storedEntries(database.pool, 1);
    await post('/disks?size=2');
    const entries = await storedEntries(database.pool, 2);
    expect(entries.map((entry) => [entry.actor, entry.tenant, entry.details])).toEqual([
      ['anonymous', null, { query: { size: '1' }, actor: { kind: 'user', id: 'alice' }, tenant: 'acme' }],
      ['anonymous', null, { query: { size: '2' } }],
    ]);
  });

  test('it is kept of details that are too large, and comes before what the service calls the same', async () => {
    const app = express();
    app.use(
      auditOf({
        details: (request, response) =>
          response && { actor: 'forged', text: 'x'.repeat(Number(request.query['size'])) },
      }),
    );
    app.post('/disks', requireJwt, done);
    const post = await listen(app);
    await post('/disks?size=1', { authorization: 'Bearer alice' });
    await post('/disks?size=20000', { authorization: 'Bearer alice' });
    expect((await storedEntries(database.pool, 2)).map(({ details }) => details)).toEqual([
      { actor: { kind: 'user', id: 'alice' }, text: 'x' },
      { cut: expect.objectContaining({ beginning: expect.stringContaining('{"actor":{"kind":"user","id":"alice"}') }) },
    ]);
  });

  test.each<[string, () => unknown]>([
    ['throws', () => Promise.reject(new Error('canary'))],
    ['never answers', () => new Promise(() => {})],
    ['knows nobody', () => undefined],
    ['gives no id', () => ({ kind: 'user' })],
    ['gives a kind that is none', () => ({ kind: 'admin', id: 'alice' })],
  ])('an actor that %s when it is asked again is logged and left out', async (_what, again) => {
    const app = express();
    let asked = 0;
    app.use(auditOf({ actor: (() => (++asked === 1 ? { kind: 'anonymous' } : again())) as never }));
    app.post('/disks', requireJwt, done);
    const post = await listen(app);
    expect(await post('/disks', { authorization: 'Bearer alice' })).toBe(200);
    expect(await storedEntries(database.pool, 1)).toMatchObject([
      { actor: 'anonymous', result: 'success', status: 200, details: null },
    ]);
    expect(logger.lines).toMatchObject([{ event: 'audit-log.request-not-described', what: 'actor' }]);
  });
});

describe('a request of Express has one entry', () => {
  test('also where it comes to the middleware twice at a time', async () => {
    const app = express();
    const audit = auditOf();
    // The second call skips the middleware behind it, which is not done yet, and comes to that of the route.
    app.use((_request, _response, next) => {
      next();
      next();
    }, audit);
    app.post('/disks', audit, done);
    app.use((_request, response) => void (response.headersSent || response.end()));
    const post = await listen(app);
    expect(await post('/disks')).toBe(200);
    await audit.settled();
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ operation_id: 'POST /disks' }]);
  });

  test('and its operation does not run once something else has answered while the entry was begun', async () => {
    const app = express();
    const begun = Promise.withResolvers<void>();
    const holding: Pick<AuditLog, 'begin' | 'complete'> = {
      begin: async (entry) => {
        const began = await auditLog.begin(entry);
        begun.resolve();
        return await new Promise((resolve) => setImmediate(resolve, began));
      },
      complete: (id, completion) => auditLog.complete(id, completion),
    };
    let ran = false;
    // As a time limit does.
    app.use(
      (_request, response, next) => {
        void begun.promise.then(() => response.status(503).end());
        next();
      },
      auditOf({ auditLog: holding, entryIdHeader: 'x-audit-entry' }),
    );
    app.post('/disks', (request, response) => {
      ran = true;
      done(request, response);
    });
    const post = await listen(app);
    expect(await post('/disks')).toBe(503);
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ status: 503, result: 'error' }]);
    expect([ran, logger.lines]).toEqual([false, []]);
  });
});

test('Fastify: whom the handler finds is in the details, and an actor that throws for nobody is asked once', async () => {
  await using app = fastify();
  const identified = new WeakMap<object, string>();
  let asked = 0;
  await app.register(sealogFastify, {
    auditLog,
    logger,
    actor: (request) => {
      asked++;
      if (request.url === '/strict') throw new Error('nobody');
      const id = identified.get(request);
      return id === undefined ? { kind: 'anonymous' } : { kind: 'user', id };
    },
  });
  app.post('/login', async (request) => {
    identified.set(request, 'alice');
    return '';
  });
  app.post('/strict', { onRequest: async (_request, reply) => reply.code(401).send() }, async () => '');
  await app.inject({ method: 'POST', url: '/login' });
  await app.inject({ method: 'POST', url: '/strict' });
  expect((await storedEntries(database.pool, 2)).map((entry) => [entry.actor, entry.status, entry.details])).toEqual([
    ['anonymous', 200, { actor: { kind: 'user', id: 'alice' } }],
    ['anonymous', 401, null],
  ]);
  expect([asked, logger.lines]).toEqual([3, []]);
});
