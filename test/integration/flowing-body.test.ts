/** A body that something in front reads already: for `actor`, which waits for it, and for a handler that comes later. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import express from 'express';
import fastify from 'fastify';
import { type AuditLog, createAuditLog } from '../../src/index.ts';
import { sealogExpress, type SealogExpressOptions } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';

let database: TestDatabase;
let auditLog: AuditLog;
const logger = recordingLogger();

beforeEach(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url });
});

afterEach(async () => {
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

type Options = Pick<SealogExpressOptions, 'actor' | 'tenant'>;

/** What the handler of a service has read of a body that is collected in front. */
const services: Record<string, (collect: (raw: IncomingMessage) => void, options: Options) => Promise<string>> = {
  async Express(collect, options) {
    const app = express();
    app.use((request, _response, next) => {
      collect(request);
      next();
    });
    app.use(sealogExpress({ auditLog, logger, ...options }));
    app.post('/', (request, response) => void text(request).then((read) => response.send(read)));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const answer = await post((server.address() as AddressInfo).port);
    await once(server.close(), 'close');
    return answer;
  },
  async Fastify(collect, { actor, tenant }) {
    const app = fastify();
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _body, parsed) => parsed(null));
    await app.register(sealogFastify, {
      auditLog,
      logger,
      actor: ({ raw }) => actor(raw as never),
      tenant: ({ raw }) => tenant?.(raw as never),
    });
    app.addHook('onRequest', ({ raw }, _reply, next) => {
      collect(raw);
      next();
    });
    app.post('/', ({ raw }) => text(raw));
    await app.listen({ port: 0, host: '127.0.0.1' });
    const answer = await post((app.server.address() as AddressInfo).port);
    await app.close();
    return answer;
  },
};

async function post(port: number): Promise<string> {
  const headers = { 'content-type': 'text/plain', connection: 'close' };
  const signal = AbortSignal.timeout(10_000);
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'the body', headers, signal });
  return await response.text();
}

test.each(Object.keys(services))('%s: `actor` and `tenant` may wait for a body that is collected', async (name) => {
  const bodies = new WeakMap<object, Promise<string>>();
  const collect = (raw: IncomingMessage): void => {
    let body = '';
    raw.on('data', (part) => (body += String(part)));
    bodies.set(
      raw,
      once(raw, 'end').then(() => body),
    );
  };
  await services[name]!(collect, {
    actor: async (raw) => ({ kind: 'user', id: (await bodies.get(raw))! }),
    tenant: (raw) => bodies.get(raw),
  });
  expect(await storedEntries(database.pool, 1)).toMatchObject([{ actor: 'user:the body', tenant: 'the body' }]);
});

test.each(Object.keys(services))('%s: a handler reads all of a body that is only measured', async (name) => {
  let size = 0;
  const measure = (raw: IncomingMessage): unknown => raw.on('data', (part: Buffer) => (size += part.length));
  expect(await services[name]!(measure, { actor: () => Promise.resolve({ kind: 'system' }) })).toBe('the body');
  expect(size).toBe(8);
});
