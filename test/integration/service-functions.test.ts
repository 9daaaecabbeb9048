/** What the functions of a service do to its audit: what they throw, how long they take, and what they return. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request, type Response } from 'express';
import fastify from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress, type SealogExpressOptions } from '../../src/integrations/express.ts';
import sealogFastify, { type SealogFastifyOptions } from '../../src/integrations/fastify.ts';
import { openRequest, storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger, type RecordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
let logger: RecordingLogger;
const servers: Server[] = [];

beforeEach(async () => {
  database = await createDatabase();
  logger = recordingLogger();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await once(server.close(), 'close');
  }
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const user = () => ({ kind: 'user', id: 'u1' }) as const;
const ofExpress = (more: Partial<SealogExpressOptions> = {}) =>
  sealogExpress({ auditLog, logger, actor: user, ...more });
const ofFastify = (more: Partial<SealogFastifyOptions> = {}) => ({ auditLog, logger, actor: user, ...more });
const done = (_request: Request, response: Response): void => void response.json({ done: true });

async function listen(app: Express): Promise<number> {
  // What Express would print of an error is none of these tests'.
  app.set('env', 'test');
  const server = app.listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const send = async (port: number, path: string, init: RequestInit = {}): Promise<number> =>
  (
    await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...init,
    })
  ).status;

/** What a framework takes for "no error", or for the name of what to leave. */
const NO_ERRORS: readonly unknown[] = [undefined, null, false, 0, '', Number.NaN, 'route', 'router'];

test('Express: whatever a function throws that could keep an operation from running, it does not run', async () => {
  const seen: unknown[] = [];
  let ran = 0;
  const handler = (request: Request, response: Response): void => {
    ran++;
    done(request, response);
  };
  for (const thrown of NO_ERRORS) {
    const failsFor =
      (failing: string) =>
      ({ path }: { readonly path: string }) => {
        if (path === failing) throw thrown;
        return path;
      };
    const audited = ofExpress({ audited: (route) => failsFor('/audited')(route) !== '' });
    const named = ofExpress({ operationId: failsFor('/named') });
    const app = express();
    app.post('/actor', ofExpress({ actor: () => Promise.reject(thrown as Error) }), handler);
    app.post('/audited', audited, handler);
    app.post('/named', named.refusals, handler);
    app.use((error: unknown, _request: Request, response: Response, _next: unknown) => {
      seen.push((error as Error).cause);
      response.status(500).end();
    });
    const port = await listen(app);
    for (const path of ['/actor', '/audited', '/named']) {
      expect([thrown, path, await send(port, path)]).toEqual([thrown, path, 500]);
    }
  }
  expect(ran).toBe(0);
  expect(seen).toEqual(NO_ERRORS.flatMap((thrown) => [thrown, thrown, thrown]));
});

/** Frameworks cannot even look at it. */
function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

test('an actor that throws a proxy that was revoked leaves an entry of nobody', async () => {
  const options = { actor: () => Promise.reject(revokedProxy()) };
  await using service = fastify();
  await service.register(sealogFastify, ofFastify(options));
  service.post('/disks', async () => '');
  expect((await service.inject({ method: 'POST', url: '/disks' })).statusCode).toBe(500);
  const app = express();
  const audit = ofExpress(options);
  app.use(audit.refusals, audit);
  app.post('/disks', done);
  expect(await send(await listen(app), '/disks')).toBe(500);
  expect(await storedEntries(database.pool, 2)).toMatchObject([
    { actor: 'anonymous', status: 500, result: 'error' },
    { actor: 'anonymous', status: 500, result: 'error' },
  ]);
});

test('Fastify: whatever an actor throws, its operation does not run', async () => {
  let ran = 0;
  for (const thrown of NO_ERRORS) {
    await using app = fastify();
    await app.register(sealogFastify, ofFastify({ actor: () => Promise.reject(thrown as Error) }));
    app.post('/disks', async () => {
      ran++;
      return '';
    });
    const answer = await app.inject({ method: 'POST', url: '/disks' });
    expect([thrown, answer.statusCode, answer.body]).toMatchObject([
      thrown,
      500,
      expect.stringContaining('expected an error'),
    ]);
  }
  expect(ran).toBe(0);
});

test('Express: an address that cannot be found out is left out, and who was refused is recorded all the same', async () => {
  const app = express();
  app.set('trust proxy', () => {
    throw new Error('no address');
  });
  const audit = ofExpress();
  app.use(audit.refusals);
  app.post('/refused', (_request, response) => void response.status(401).end());
  app.post('/disks', audit, done);
  const port = await listen(app);
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  expect(await send(port, '/refused', { headers })).toBe(401);
  expect(await storedEntries(database.pool, 1)).toMatchObject([{ ip: null, status: 401 }]);
  expect(await send(port, '/disks', { headers })).toBe(200);
  expect((await storedEntries(database.pool, 2))[1]).toMatchObject({ ip: null, status: 200, result: 'success' });
  const line = { event: 'audit-log.request-not-described', what: 'ip' };
  expect(logger.lines).toMatchObject([line, line]);
});

test('Express: nothing that fails behind an answer ends the process', async () => {
  const app = express();
  const audit = ofExpress();
  app.use(audit.refusals, (request, response) => {
    request.get = () => {
      throw new Error('no header');
    };
    response.status(401).end();
  });
  expect(await send(await listen(app), '/disks')).toBe(401);
  await waitUntil('the loss is logged', () => logger.lines.length > 0);
  expect(logger.lines).toMatchObject([
    { event: 'audit-log.refusal-lost', operationId: 'POST (no route)', status: 401 },
  ]);
});

test('Fastify: a request whose address cannot be found out is handled as any other', async () => {
  await using app = fastify({
    trustProxy: () => {
      throw new Error('no address');
    },
  });
  await app.register(sealogFastify, ofFastify());
  app.post('/disks', async () => '');
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  expect((await app.inject({ method: 'POST', url: '/disks', headers })).statusCode).toBe(200);
  expect(await storedEntries(database.pool, 1)).toMatchObject([{ ip: null, status: 200, result: 'success' }]);
  expect(logger.lines).toMatchObject([{ event: 'audit-log.request-not-described', what: 'ip' }]);
});

test('Express: the address of a client that has gone is kept from when its request was first met', async () => {
  const app = express();
  const audit = ofExpress();
  app.use(audit.refusals);
  let met = 0;
  app.use(({ socket, path }, response, next) => {
    met += 1;
    socket.once('close', () => {
      if (path === '/refused') response.status(401).end();
      else next();
    });
  });
  app.post('/disks', audit, done);
  const port = await listen(app);
  for (const [index, path] of ['/refused', '/disks'].entries()) {
    const request = await openRequest(port, 'POST', path);
    await waitUntil(`${path} is met`, () => met === index + 1);
    request.destroy();
    await storedEntries(database.pool, index + 1);
  }
  expect((await storedEntries(database.pool, 2)).map(({ ip, status }) => [ip, status])).toEqual([
    ['127.0.0.1', 401],
    ['127.0.0.1', 200],
  ]);
});

describe('details that hide something are stored as they would be alone', () => {
  class User {
    readonly name = 'n';
    readonly passwordHash = 'canary';
    toJSON() {
      return { name: this.name };
    }
  }
  const failing = {
    get lazy() {
      throw new Error('not loaded');
    },
  };

  test.each<[string, unknown, object]>([
    ['toJSON', new User(), { name: 'n' }],
    ['a getter that throws', failing, { details: '[not representable as JSON]' }],
    ['a list', [new User()], { details: [{ name: 'n' }] }],
    ['null by toJSON', { secret: 'canary', toJSON: () => null }, {}],
  ])('%s, beside parts of the request and whom it turned out to be from', async (_what, details, stored) => {
    const app = express();
    const known = new WeakSet<Request>();
    app.use(
      ofExpress({
        details: () => details as Record<string, unknown>,
        actor: (request) => (known.has(request) ? user() : { kind: 'anonymous' }),
        record: { query: true },
      }),
    );
    app.post('/disks', (request, response) => {
      known.add(request);
      done(request, response);
    });
    expect(await send(await listen(app), '/disks?size=1')).toBe(200);
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ result: 'success' }]);
    expect((await storedEntries(database.pool, 1))[0]?.details).toEqual({
      ...stored,
      query: { size: '1' },
      actor: user(),
    });
  });
});

describe('a function that never answers is logged and left out, and neither the handler nor the outcome waits for it', () => {
  const hangs = () => new Promise<never>(() => {});
  const afterAnswer = (_request: unknown, reply?: unknown) => reply && hangs();

  test.each<[string, Partial<SealogFastifyOptions>]>([
    ['tenant', { tenant: hangs }],
    ['resource', { resource: hangs }],
    ['resource', { resource: afterAnswer as never }],
    ['details', { details: hangs }],
    ['details', { details: afterAnswer as never }],
    ['errorMessage', { errorMessage: hangs }],
  ])('%s', async (what, options) => {
    await using app = fastify();
    await app.register(sealogFastify, ofFastify(options));
    let ran = 0;
    app.post('/disks', async () => {
      ran++;
      throw new Error('canary');
    });
    const answer = await app.inject({ method: 'POST', url: '/disks' });
    expect([answer.statusCode, ran]).toEqual([500, 1]);
    expect(await storedEntries(database.pool, 1)).toMatchObject([{ actor: 'user:u1', status: 500, result: 'error' }]);
    await waitUntil(`${what} is logged`, () => logger.lines.length > 0);
    for (const line of logger.lines) expect(line).toMatchObject({ event: 'audit-log.request-not-described', what });
  });
});
