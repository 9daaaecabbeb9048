import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import sealogFastify, { type SealogFastifyOptions } from '../../src/integrations/fastify.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
let app: FastifyInstance;
let logger = recordingLogger();

beforeEach(async () => {
  logger = recordingLogger();
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
  app = fastify();
});

afterEach(async () => {
  await app.close();
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function open(options: Partial<SealogFastifyOptions> = {}): Promise<void> {
  await app.register(sealogFastify, { auditLog, logger, actor: () => ({ kind: 'user', id: 'u1' }), ...options });
}

/** Nothing can be begun. */
async function takeAway(): Promise<void> {
  await database.pool.query('alter table sealog.audit_log rename to elsewhere');
}

const post = (url: string) => app.inject({ method: 'POST', url });

test('a hook that replaces the preHandler of routes does not keep them from being audited', async () => {
  await open();
  app.addHook('onRoute', (route) => {
    route.preHandler = async () => {};
  });
  let ran = 0;
  const begun = async (): Promise<number> => {
    ran += 1;
    return (await storedEntries(database.pool, ran, { incomplete: 1 })).length;
  };
  app.post('/promise', begun);
  app.post('/callback', (_request, reply) => {
    void begun().then((count) => reply.send(count));
  });
  app.post('/nothing', () => null);
  app.post('/throws', function throws() {
    throw Object.assign(new Error('canary'), { code: this.server === app.server ? 'DISK_FULL' : 'NO_THIS' });
  });
  expect((await post('/promise')).body).toBe('1');
  await storedEntries(database.pool, 1);
  expect((await post('/callback')).body).toBe('2');
  expect(await post('/nothing')).toMatchObject({ statusCode: 200, body: 'null' });
  expect((await post('/throws')).statusCode).toBe(500);
  const entries = await storedEntries(database.pool, 4);
  expect(entries.map(({ status, code }) => [status, code])).toEqual([
    [200, null],
    [200, null],
    [200, null],
    [500, 'DISK_FULL'],
  ]);

  await takeAway();
  expect((await post('/promise')).statusCode).toBe(503);
  expect(ran).toBe(2);
});

test('what a hook answered by itself is sent as it is, and recorded afterwards', async () => {
  await open({ entryIdHeader: 'x-audit-entry' });
  app.addHook('preHandler', async (request, reply) =>
    reply.code(request.url === '/done' ? 201 : 403).send('by a hook'),
  );
  app.post('/done', async () => 'never');
  app.post('/denied', async () => 'never');
  const answer = await post('/done');
  expect([answer.statusCode, answer.body]).toEqual([201, 'by a hook']);
  // There is no entry yet when it is sent.
  expect(answer.headers).not.toHaveProperty('x-audit-entry');
  expect(await storedEntries(database.pool, 1)).toMatchObject([{ result: 'success', status: 201 }]);

  await takeAway();
  expect((await post('/done')).statusCode).toBe(201);
  expect((await post('/denied')).statusCode).toBe(403);
  await waitUntil('both are logged', () => logger.lines.length === 2);
  expect(logger.withEvent('audit-log.hook-answer-lost')).toMatchObject([{ status: 201, operationId: 'POST /done' }]);
  expect(logger.withEvent('audit-log.refusal-lost')).toMatchObject([{ status: 403, operationId: 'POST /denied' }]);
});

test('an attempt of an actor that cannot be one is recorded as one of nobody', async () => {
  await open({ actor: () => ({ kind: 'user', id: '' }) });
  let ran = 0;
  app.post('/', async () => ++ran);
  expect((await post('/')).statusCode).toBe(500);
  expect(ran).toBe(0);
  expect(await storedEntries(database.pool, 1)).toMatchObject([
    { actor: 'anonymous', status: 500, code: 'SEALOG_INVALID_ARGUMENT' },
  ]);
});
