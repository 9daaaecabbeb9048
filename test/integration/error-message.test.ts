import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS } from '../support/wait.ts';

class Problem extends Error {
  readonly statusCode = 409;
  readonly status = 409;
}

let database: TestDatabase;
let auditLog: AuditLog;
let logger = recordingLogger();

beforeEach(async () => {
  logger = recordingLogger();
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
});

afterEach(async () => {
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const messages = async (count: number) =>
  (await storedEntries(database.pool, count)).map(({ status, message }) => [status, message]);

test('is what the service tells of its own errors, and else what the status means', async () => {
  const told = new Map<string, unknown>([
    ['/own', 'disk in use'],
    ['/long', 'x'.repeat(5000)],
    ['/empty', ''],
    ['/number', 7],
  ]);
  const options = {
    auditLog,
    logger,
    actor: () => ({ kind: 'anonymous' }) as const,
    errorMessage: async (error: unknown) => {
      const { message } = error as Error;
      if (message === '/throws') throw new Error('not now');
      return error instanceof Problem ? (told.get(message) as string) : undefined;
    },
  };
  await using app = fastify();
  await app.register(sealogFastify, options);
  app.addHook('onRequest', async ({ url }) => {
    if (url === '/refused') throw new Problem('/own');
  });
  for (const path of [...told.keys(), '/throws', '/refused']) {
    app.post(path, async () => Promise.reject(new Problem(path)));
  }
  app.post('/foreign', async () => Promise.reject(new Error('canary')));
  app.post('/recovered', async (_request, reply) => reply.code(202).send());
  for (const [index, path] of [...told.keys(), '/throws', '/refused', '/foreign', '/recovered'].entries()) {
    await app.inject({ method: 'POST', url: path });
    // The entry of a refused request is begun after its answer.
    await messages(index + 1);
  }
  expect(await messages(8)).toEqual([
    [409, 'disk in use'],
    [409, 'x'.repeat(4096)],
    [409, 'Conflict'],
    [409, 'Conflict'],
    [409, 'Conflict'],
    [409, 'disk in use'],
    [500, 'Internal Server Error'],
    [202, null],
  ]);
  expect(logger.lines.map(({ event, what }) => [event, what])).toEqual([
    ['audit-log.request-not-described', 'errorMessage'],
    ['audit-log.request-not-described', 'errorMessage'],
  ]);
});

test('in Express it needs the middleware for errors', async () => {
  const audit = sealogExpress({
    auditLog,
    logger,
    actor: () => ({ kind: 'anonymous' }),
    errorMessage: (error) => (error instanceof Problem ? error.message : undefined),
  });
  const app = express();
  app.set('env', 'test');
  app.use(audit);
  const throws = (): Promise<void> => Promise.reject(new Problem('disk in use'));
  app.post('/told', throws, audit.errors);
  app.post('/untold', throws);
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const path of ['/told', '/untold']) await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' });
  expect(await messages(2)).toEqual([
    [409, 'disk in use'],
    [409, 'Conflict'],
  ]);
  server.closeAllConnections();
  await once(server.close(), 'close');
});
