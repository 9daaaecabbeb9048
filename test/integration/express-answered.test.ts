/** Express: something has answered, by the time that an entry cannot be begun. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import express, { type Request, type RequestHandler, type Response } from 'express';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress } from '../../src/integrations/express.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger, type RecordingLogger } from '../support/recording-logger.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
let auditLog: AuditLog;
let logger: RecordingLogger;
let server: Server | undefined;

beforeEach(async () => {
  database = await createDatabase();
  logger = recordingLogger();
  auditLog = createAuditLog({ connectionString: database.url });
});

afterEach(async () => {
  server?.closeAllConnections();
  if (server?.listening) await once(server.close(), 'close');
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/**
 * A service whose entry fails when `fail` is called, on one connection: a `POST` that is answered meanwhile, and a `GET`
 * that is answered afterwards.
 */
async function answeredMeanwhile(what: 'actor' | 'begin', answering: RequestHandler, isInFront: boolean) {
  const asked = Promise.withResolvers<void>();
  const failure = Promise.withResolvers<never>();
  const failing = (): Promise<never> => {
    asked.resolve();
    return failure.promise;
  };
  const audit = sealogExpress({
    auditLog: what === 'begin' ? { begin: failing, complete: failing } : auditLog,
    logger,
    actor: what === 'actor' ? failing : () => ({ kind: 'system' }),
  });
  const app = express();
  app.set('env', 'test');
  let ran = 0;
  let failed = 0;
  if (isInFront) app.use(audit.refusals);
  app.use((request, response, next) => (request.method === 'POST' ? answering(request, response, next) : next()));
  app.use(audit);
  app.post('/', () => void ran++);
  const second = Promise.withResolvers<Response>();
  app.get('/', (_request, response) => second.resolve(response));
  app.use((_error: unknown, _request: Request, _response: Response, next: (error: Error) => void) => {
    failed++;
    next(new Error('answered already'));
  });
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  await waitUntil('the first is answered', () => received.includes('\r\n\r\n'));
  await asked.promise;
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const response = await second.promise;
  failure.reject(new Error('canary'));
  await audit.settled();
  if (response.destroyed) return 'the connection was ended';
  response.send('the other');
  await waitUntil('the second is answered', () => received.includes('the other'));
  socket.destroy();
  return { ran, failed };
}

/** As a time limit does. */
const timeLimit: RequestHandler = (_request, response, next) => {
  next();
  setImmediate(() => response.status(408).end());
};

/** As a middleware does that forgets to return. */
const answersAndContinues: RequestHandler = (_request, response, next) => {
  response.status(201).end(() => next());
};

test.each<[string, 'actor' | 'begin', RequestHandler, string]>([
  ['the database refuses, behind a time limit', 'begin', timeLimit, 'audit-log.refusal-lost'],
  ['who asks is not found out, behind a time limit', 'actor', timeLimit, 'audit-log.refusal-lost'],
  ['the database refuses, behind an answer', 'begin', answersAndContinues, 'audit-log.hook-answer-lost'],
])('%s: that is logged, and the connection stays for the next request', async (_what, what, answering, event) => {
  expect(await answeredMeanwhile(what, answering, false)).toEqual({ ran: 0, failed: 0 });
  expect(logger.lines).toMatchObject([{ level: 'error', event, operationId: 'POST /' }]);
  expect(await storedEntries(database.pool, 0)).toEqual([]);
});

test('who asks is not found out, behind a time limit and `refusals`: the entry is of nobody', async () => {
  expect(await answeredMeanwhile('actor', timeLimit, true)).toEqual({ ran: 0, failed: 0 });
  expect(await storedEntries(database.pool, 1)).toMatchObject([
    { operation_id: 'POST /', actor: 'anonymous', status: 408, result: 'error' },
  ]);
  expect(logger.lines).toEqual([]);
});
