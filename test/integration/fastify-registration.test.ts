import { expect, test } from '@jest/globals';
import fastify from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import sealogFastify, { type SealogFastifyOptions } from '../../src/integrations/fastify.ts';

const unused = () => Promise.reject(new Error('not in these tests'));
const options = { auditLog: { begin: unused, complete: unused }, actor: () => ({ kind: 'anonymous' }) as const };

test('a route cannot be left out without a reason', async () => {
  await using app = fastify();
  await app.register(sealogFastify, options);
  expect(() => app.post('/a', { config: { audit: { skip: ' ' } } }, async () => '')).toThrow(/expected the reason/);
  expect(() => app.post('/b', { config: { audit: {} as never } }, async () => '')).toThrow(/operationId: expected/);
});

test('nor by being declared before the plugin is there: it says which routes are in the way', async () => {
  await using late = fastify();
  const registered = late.register(sealogFastify, options);
  late.post('/c', async () => 'done');
  await expect(async () => await registered).rejects.toThrow(
    'sealogFastify: expected to be registered before all routes that it audits: await it, got POST /c',
  );

  await using many = fastify();
  const done = async () => 'done';
  many.get('/disks', done).post('/disks', done).post('/disks/:id/snapshots', done).delete('/disks/:id(^\\d+$)', done);
  many
    .put('/disks/*', done)
    .post('*', done)
    .post('/v', { constraints: { version: '2.0.0' } }, done);
  void many.register(async (scope) => void scope.patch('/disks/:id', done), { prefix: '/v2' });
  await expect(async () => await many.register(sealogFastify, options)).rejects.toMatchObject({
    got: [
      'DELETE /disks/:id(^\\d+$)',
      'PATCH /v2/disks/:id',
      'PUT /disks/*',
      'POST /disks',
      'POST /disks/:id/snapshots',
      'POST /v',
      'POST *',
    ],
  });
});

test('what only reads may come first, and what answers CORS; unless it is audited by rule or by name', async () => {
  await using reading = fastify();
  reading.options('*', async () => '');
  reading.get('/health', async () => 'done');
  reading.get('/export', { config: { audit: { operationId: 'export' } } }, async () => 'done');
  await reading.register(sealogFastify, options);
  expect((await reading.inject('/health')).statusCode).toBe(200);
  const refused = await reading.inject('/export');
  expect([refused.statusCode, refused.json<{ message: string }>().message]).toEqual([
    500,
    'GET /export: expected a route that is declared behind sealogFastify, because it names its operation, ' +
      'got one that is declared before it',
  ]);

  await using ruled = fastify();
  ruled.get('/health', async () => 'done');
  ruled.get('/export', async () => 'done');
  const audited = ({ path }: { path: string }) => path === '/export';
  await expect(async () => await ruled.register(sealogFastify, { ...options, audited })).rejects.toThrow(
    /got GET \/export, HEAD \/export$/,
  );
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

test('a log that is disposed of by a hook from before the plugin is there for every outcome', async () => {
  const steps: string[] = [];
  const begun = Promise.withResolvers<void>();
  const auditLog: SealogFastifyOptions['auditLog'] = {
    begin: async () => ({ id: '01890a5d-ac96-774b-bcce-b302099a8057', timeStarted: '2026-01-01T00:00:00.000000Z' }),
    complete: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      steps.push('completed');
      return { status: 'not-found' };
    },
  };
  const app = fastify();
  app.addHook('onClose', async () => void steps.push('disposed'));
  await app.register(sealogFastify, { ...options, auditLog });
  const closing = Promise.withResolvers<void>();
  app.addHook('preClose', async () => closing.resolve());
  app.post('/', async () => {
    begun.resolve();
    await closing.promise;
    return '';
  });
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  const answer = fetch(address, { method: 'POST', headers: { connection: 'close' } });
  await begun.promise;
  await app.close();
  expect([(await answer).status, steps]).toEqual([200, ['completed', 'disposed']]);
});
