import { describe, expect, test } from '@jest/globals';
import fastify from 'fastify';
import { InvalidArgumentError } from '../../src/errors.ts';
import { sealogExpress } from '../../src/integrations/express.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const unused = () => Promise.reject(new Error('not in these tests'));
const options = { auditLog: { begin: unused, complete: unused }, actor: () => ({ kind: 'anonymous' }) as const };

async function register(given: unknown): Promise<void> {
  await using app = fastify();
  await app.register(sealogFastify, given as never);
}

describe.each([
  ['Fastify', register],
  ['Express', async (given: unknown) => void sealogExpress(given as never)],
])('%s refuses when it is set up', (_framework, setUp) => {
  test.each<[object, string]>([
    [{ auditLog: undefined }, 'auditLog: expected what createAuditLog returned, got "undefined"'],
    [{ auditLog: { begin: unused } }, 'auditLog: expected what createAuditLog returned, got "object"'],
    [{ actor: 'u1' }, 'actor: expected a function, got "u1"'],
    [{ actor: undefined }, 'actor: expected a function, got undefined'],
    [{ tenant: 'acme' }, 'tenant: expected a function, got "acme"'],
    [{ resource: {} }, 'resource: expected a function, got {}'],
    [{ details: {} }, 'details: expected a function, got {}'],
    [{ errorMessage: true }, 'errorMessage: expected a function, got true'],
    [{ audited: false }, 'audited: expected a function, got false'],
    [{ operationId: 'a' }, 'operationId: expected a function, got "a"'],
    [{ record: true }, 'record: expected an object, got true'],
    [{ record: { bodi: true } }, 'record: expected only the keys query, body, redact, got "bodi"'],
    [{ record: { body: 'yes' } }, 'record.body: expected true or false, got "yes"'],
    [{ record: { body: true, redact: 'nickname' } }, 'record.redact: expected a list of names, got "nickname"'],
    [{ record: { query: true, redact: [/pin/] } }, 'record.redact: expected a list of names, got [{}]'],
    [{ entryIdHeader: 'bad header' }, 'entryIdHeader: expected the name of an HTTP header, got "bad header"'],
    [{ entryIdHeader: '' }, 'entryIdHeader: expected the name of an HTTP header, got ""'],
    [{ entryIdHeader: true }, 'entryIdHeader: expected the name of an HTTP header, got true'],
    [{ logger: 5 }, 'logger: expected a logger with debug, info, warn and error, got "number"'],
    [{ logger: { warn: unused } }, 'logger: expected a logger with debug, info, warn and error, got "object"'],
    [{ entryIdHeadr: 'x-audit-entry' }, 'options: expected only the keys auditLog, actor, tenant,'],
  ])('%j', async (more, message) => {
    const error = await thrownBy(() => setUp({ ...options, ...more }));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(String(error)).toContain(message);
  });

  test('nothing that is meant to be given', async () => {
    const record = { query: false, body: true, redact: ['nickname'] };
    const given = { ...options, tenant: undefined, record, entryIdHeader: 'x-audit-entry', logger: recordingLogger() };
    expect(await thrownBy(() => setUp(given))).toBeUndefined();
  });
});

test('what Fastify itself takes of any plugin is no unknown option', async () => {
  const given = { ...options, prefix: '/v1', logLevel: 'warn', logSerializers: {} };
  expect(await thrownBy(() => register(given))).toBeUndefined();
});

test('Express without options', () => {
  expect(() => sealogExpress(undefined as never)).toThrow('options: expected an object, got undefined');
});

test.each([
  [() => undefined, 'got undefined'],
  [async () => 'a', 'got a promise'],
])('Express asks at once for the name of what is no route: %s', (operationId, got) => {
  const setUp = () => sealogExpress({ ...options, operationId: operationId as never });
  expect(setUp).toThrow(`POST (no route): operationId: expected text of 1 to 512 characters, ${got}`);
});

async function thrownBy(call: () => Promise<void>): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}
