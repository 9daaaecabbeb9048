import { expect, test } from '@jest/globals';
import express from 'express';
import fastify from 'fastify';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import { createAuditLog } from '../../src/index.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { storedEntries } from '../support/audited-service.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const CANARY = 'canary-7c1e';
const actor = () => ({ kind: 'user', id: 'u1' }) as const;

async function sendCanaries(base: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${CANARY}`,
    cookie: `session=${CANARY}`,
    'x-api-key': CANARY,
    referer: `https://example.com/?token=${CANARY}`,
    'content-type': 'application/json',
  };
  const body = JSON.stringify({ password: CANARY, note: CANARY });
  for (const path of ['/works', '/throws', '/denied', '/nowhere']) {
    const response = await fetch(`${base}${path}?token=${CANARY}#${CANARY}`, { method: 'POST', headers, body });
    await response.arrayBuffer();
  }
  // Parsers quote in their errors what they could not read: a piece of the body, and the charset of its header.
  const malformed = [
    { body: `{"a": ${CANARY}` },
    { body: CANARY },
    { body, headers: { ...headers, 'content-type': `application/json; charset=${CANARY}` } },
  ];
  for (const request of malformed) {
    const response = await fetch(`${base}/works`, { method: 'POST', headers, ...request });
    await response.arrayBuffer();
  }
}

async function checkNoCanary(database: TestDatabase, logger: ReturnType<typeof recordingLogger>, count: number) {
  const entries = await storedEntries(database.pool, count);
  expect(entries.map(({ status }) => status)).toEqual(expect.arrayContaining([500, 400]));
  const { rows } = await database.pool.query('select audit_log::text as row from sealog.audit_log');
  expect(JSON.stringify(rows)).not.toContain(CANARY);
  const lines = logger.lines.map((line) => `${JSON.stringify(line)} ${String(line['err'])}`).join('\n');
  expect(lines).not.toContain(CANARY);
}

const failure = () => Object.assign(new Error(`no access with ${CANARY}`), { detail: CANARY, code: `${CANARY} !` });

test('with Fastify, no secret of header, query, body or error reaches the database or the log', async () => {
  await using database = await createDatabase();
  const logger = recordingLogger();
  await using auditLog = createAuditLog({ connectionString: database.url, logger });
  await using app = fastify();
  await app.register(sealogFastify, { auditLog, actor, logger });
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/denied')) await reply.code(401).send({ denied: request.headers.authorization });
  });
  app.post('/works', async () => CANARY);
  app.post('/denied', async () => CANARY);
  app.post('/throws', async () => Promise.reject(failure()));
  const base = await app.listen({ port: 0, host: '127.0.0.1' });
  await sendCanaries(base);
  await checkNoCanary(database, logger, 6);
  // Neither when the outcome cannot be recorded.
  await database.pool.query(`
    create function refuse() returns trigger language plpgsql as 'begin raise exception ''refused''; end';
    create trigger refuse before insert or update on sealog.audit_log for each row execute function refuse()`);
  await sendCanaries(base);
  await checkNoCanary(database, logger, 6);
});

test('with Express neither', async () => {
  await using database = await createDatabase();
  const logger = recordingLogger();
  await using auditLog = createAuditLog({ connectionString: database.url, logger });
  const app = express();
  app.set('env', 'test');
  const audit = sealogExpress({ auditLog, actor, logger });
  app.use(audit, express.json());
  app.post('/works', (_request, response) => void response.send(CANARY));
  app.post('/denied', (request, response) => void response.status(401).send(request.get('authorization')));
  app.post('/throws', () => Promise.reject(failure()));
  app.use(audit.errors);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await sendCanaries(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await checkNoCanary(database, logger, 7);
  server.closeAllConnections();
  await once(server.close(), 'close');
});
