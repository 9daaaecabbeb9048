import { expect, test } from '@jest/globals';
import fastify from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import sealogFastify from '../../src/integrations/fastify.ts';

const unused = () => Promise.reject(new Error('not in these tests'));
const options = { auditLog: { begin: unused, complete: unused }, actor: () => ({ kind: 'anonymous' }) as const };

test('a route cannot be left out without a reason', async () => {
  await using app = fastify();
  await app.register(sealogFastify, options);
  expect(() => app.post('/a', { config: { audit: { skip: ' ' } } }, async () => '')).toThrow(/expected the reason/);
  expect(() => app.post('/b', { config: { audit: {} as never } }, async () => '')).toThrow(/operationId: expected/);
});

test('nor by being declared before the plugin is there, though it only reads; what answers CORS may come first', async () => {
  await using late = fastify();
  const registered = late.register(sealogFastify, options);
  late.post('/c', async () => 'done');
  await expect(async () => await registered).rejects.toThrow(/before all routes/);

  await using reading = fastify();
  reading.get('/export', { config: { audit: { operationId: 'export' } } }, async () => 'done');
  await expect(async () => await reading.register(sealogFastify, options)).rejects.toThrow(/before all routes/);

  await using cors = fastify();
  cors.options('*', async () => '');
  await cors.register(sealogFastify, options);
});

test('nor by a plugin in a context of its own, unless it is wrapped', async () => {
  await using app = fastify();
  const child = app.register(async (scope) => {
    await scope.register(sealogFastify, options);
  });
  await expect(async () => await child).rejects.toThrow(/on the application itself/);

  await using wrapped = fastify();
  await wrapped.register(
    fastifyPlugin(async (scope) => {
      await scope.register(sealogFastify, options);
    }),
  );
  wrapped.post('/', async () => '');
});
