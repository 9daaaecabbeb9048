import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import fastify, { type FastifyInstance } from 'fastify';
import sealogFastify from '../../src/integrations/fastify.ts';
import { type Actor, type AuditLog, createAuditLog, type Resource } from '../../src/index.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

/** What a client controls, in a service that copies all of it into its entries. */
interface Hostile {
  readonly url: string;
  readonly userAgent: string;
  readonly ip: string;
  readonly id: string;
  readonly actorId: string;
  readonly tenant: unknown;
  readonly resource: unknown;
  readonly details: unknown;
}

const cycle: Record<string, unknown> = { name: 'cycle' };
cycle['self'] = cycle;
const deep: unknown = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
const throwing = {
  get a() {
    throw new Error('a getter');
  },
};

const TEXTS = [
  '',
  '\0',
  'a\0b',
  '\uD800',
  '\uDFFF\uD800',
  '\u202Egnp.exe',
  '\u2066\u2069',
  '\uFEFF',
  '\u{10FFFF}',
  'é'.repeat(600),
  "'; drop table sealog.audit_log; --",
  '$1',
  '{{7*7}}',
  '%00',
  '%zz',
  '\\u0000',
  '\\',
  '"',
  '\r\nx: y',
  '__proto__',
  'constructor',
  '🦣'.repeat(300),
  'x'.repeat(50_000),
  '<script>alert(1)</script>',
  '=cmd|calc!A0',
];
const ADDRESSES = [
  'fe80::1%eth0',
  'fe80::1%25\0',
  '::ffff:10.0.0.1',
  '0x7f.1',
  '010.0.0.1',
  '1.2.3.4/8',
  '::1 ; drop',
  '',
];
const DETAILS: unknown[] = [
  JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}'),
  { big: 10n ** 40n, small: 1n },
  cycle,
  deep,
  throwing,
  [1, 2],
  'text',
  7,
  null,
  new Map([[1, 2]]),
  new Date(Number.NaN),
  Buffer.alloc(5000),
  { n: Number.NaN, i: Infinity, u: undefined, f: () => 1, s: Symbol('s') },
  { '\0': '\uD800', [`k${'x'.repeat(20_000)}`]: 1 },
  { toJSON: () => Number(Symbol('no number')) },
  { numbers: [1e308, -0, 5e-324, 2 ** 53 + 2] },
  Object.create(null),
];

const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
const hostile: fc.Arbitrary<Hostile> = fc.record({
  url: text,
  userAgent: text,
  ip: fc.oneof(fc.constantFrom(...ADDRESSES), fc.ipV4(), fc.ipV6(), text),
  id: text,
  actorId: text.map((id) => id || 'nobody'),
  tenant: fc.oneof(text, fc.anything()),
  resource: fc.oneof(fc.record({ type: text, id: text }), fc.anything()),
  details: fc.oneof(
    fc.constantFrom(...DETAILS),
    fc.anything({ withBigInt: true, withNullPrototype: true }),
    fc.object(),
  ),
});

let database: TestDatabase;
let auditLog: AuditLog;
let app: FastifyInstance;
const logger = recordingLogger();
const inputs = new Map<string, Hostile>();

beforeAll(async () => {
  database = await createDatabase();
  auditLog = createAuditLog({ connectionString: database.url, logger, beginTimeoutMs: PATIENCE_MS });
  const inputOf = ({ headers }: { headers: IncomingMessage['headers'] }) => inputs.get(String(headers['x-input']));
  app = fastify({ serverFactory: (handler) => createServer({ maxHeaderSize: 32 * 1024 * 1024 }, handler) });
  await app.register(sealogFastify, {
    auditLog,
    logger,
    actor: (request): Actor => ({ kind: 'user', id: inputOf(request)?.actorId ?? String(request.headers['x-user']) }),
    tenant: (request) => inputOf(request)?.tenant as string,
    resource: (request) => inputOf(request)?.resource as Resource,
    details: (request) => inputOf(request)?.details as Record<string, unknown>,
    record: { query: true, body: true },
  });
  // What a parser or a proxy in front might let through, whatever Node's own does.
  app.addHook('onRequest', async (request) => {
    const input = inputOf(request);
    if (!input) return;
    Object.defineProperties(request, {
      originalUrl: { value: input.url },
      ip: { value: input.ip },
      id: { value: input.id },
      query: { value: { [input.url]: input.details } },
      body: { value: input.details, writable: true },
    });
    request.headers['user-agent'] = input.userAgent;
  });
  app.post('/*', async () => 'done');
});

afterAll(async () => {
  await app.close();
  await auditLog[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const countEntries = async (where = 'true'): Promise<number> => {
  const { rows } = await database.pool.query<{ n: number }>(
    `select count(*)::integer as n from sealog.audit_log where ${where}`,
  );
  return rows[0]?.n ?? 0;
};

test('2,000 hostile requests are all recorded, and nothing of them is executed', async () => {
  const begun: number[] = [];
  let next = 0;
  const send = async (input: Hostile): Promise<void> => {
    const key = String(next++);
    inputs.set(key, input);
    const { statusCode } = await app.inject({ method: 'POST', url: '/', headers: { 'x-input': key } });
    inputs.delete(key);
    begun.push(statusCode);
    expect(statusCode).toBe(200);
  };
  const batch = fc.array(hostile, { minLength: 10, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(batch, async (requests) => void (await Promise.all(requests.map(send)))),
    { numRuns: 200, endOnFailure: true, interruptAfterTimeLimit: 90_000, markInterruptAsFailure: true },
  );
  await waitUntil('all entries completed', async () => (await countEntries('result_kind is null')) === 0);
  expect(begun).toHaveLength(2000);
  expect(await countEntries(`result_kind = 'success' and http_status_code = 200`)).toBe(2000);
  expect(logger.withEvent('audit-log.completion-lost')).toEqual([]);
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
  // What was written can be read again.
  let read = 0;
  for await (const entry of auditLog.entries()) read += JSON.stringify(entry).length > 0 ? 1 : 0;
  expect(read).toBe(2000);
});

test('10 MB of headers, where the server lets them through', async () => {
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const before = await countEntries();
  const huge = 'x'.repeat(10 * 1024 * 1024);
  // One header, because Node takes seconds to put one together.
  const headers = { 'user-agent': huge, 'x-input': 'none', 'x-user': 'x'.repeat(1000) };
  const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/a', agent: false, headers }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  expect(response.statusCode).toBe(200);
  await waitUntil('its entry', async () => (await countEntries(`result_kind is not null`)) === before + 1);
  expect(await countEntries(`length(user_agent) = 256 and length(actor_id) = 512`)).toBeGreaterThan(0);
});
