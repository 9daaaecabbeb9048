import { expect, test } from '@jest/globals';
import { InvalidArgumentError } from '../../src/errors.ts';
import { checkAuditCoverage, expressService, fastifyService, openApiService } from '../../src/integrations/testing.ts';

const unused = () => Promise.reject(new Error('not in these tests'));
const options = { service: { connect: unused }, auditLog: { list: unused } };

test.each([
  [undefined, 'options: expected an object, got undefined'],
  [{}, 'service: expected what fastifyService, expressService or openApiService returned, got "undefined"'],
  [{ ...options, auditLog: {} }, 'auditLog: expected what createAuditLog returned, got "object"'],
  [{ ...options, allow: null }, 'allow: expected an object, got null'],
  [{ ...options, headers: 'authorization' }, 'headers: expected an object, got "authorization"'],
  [{ ...options, headers: { cookie: undefined } }, 'headers, cookie: expected text, got "undefined"'],
  [{ ...options, login: { cookie: 'a' } }, 'login: expected a function, got {"cookie":"a"}'],
  [{ ...options, anonymous: 'POST /login' }, 'anonymous: expected an object, got "POST /login"'],
  [{ ...options, examples: { 'POST /a': 5 } }, 'examples, POST /a: expected an object, got 5'],
  [
    { ...options, examples: { 'POST /a': { param: {} } } },
    'examples, POST /a: expected only the keys path, params, query, headers, body, got "param"',
  ],
  [{ ...options, timeoutMs: NaN }, 'timeoutMs: expected a number of milliseconds, got NaN'],
  [{ ...options, timeoutMs: '5000' }, 'timeoutMs: expected a number of milliseconds, got "5000"'],
  [
    { ...options, timeout: 5000 },
    'options: expected only the keys service, auditLog, examples, headers, login, allow, anonymous, timeoutMs, got "timeout"',
  ],
])('the check of coverage refuses %j', async (given, message) => {
  const check = checkAuditCoverage(given as never);
  await expect(check).rejects.toThrow(InvalidArgumentError);
  await expect(check).rejects.toThrow(message);
});

test.each([
  [() => fastifyService(5 as never), 'app: expected a Fastify application, got "number"'],
  [() => fastifyService(undefined as never), 'app: expected a Fastify application, got "undefined"'],
  [() => expressService(5 as never), 'app: expected an Express application, got "number"'],
  [() => expressService((() => {}) as never), 'app: expected an Express application, got "function"'],
  [() => openApiService('openapi: 3.1.0' as never, { url: 'http://a' }), 'document: expected an object, got "openapi'],
  [() => openApiService({ servers: {} as never }, { url: 'http://a' }), 'document.servers: expected a list, got {}'],
  [() => openApiService({ paths: 5 as never }, { url: 'http://a' }), 'document.paths: expected an object, got 5'],
  [() => openApiService({}, undefined as never), 'options: expected an object, got undefined'],
  [() => openApiService({}, { url: 'localhost' }), 'url: expected an http or https URL, got "localhost"'],
  [() => openApiService({}, {} as never), 'url: expected an http or https URL, got undefined'],
])('%s is refused', (call, message) => {
  expect(call).toThrow(InvalidArgumentError);
  expect(call).toThrow(message);
});
