/**
 * A service to be killed: each operation writes its key into a table of its own as soon as its handler runs, so that
 * what ran is known whatever becomes of the process.
 */
import fastify from 'fastify';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createAuditLog } from 'sealog';
import sealogFastify from 'sealog/fastify';

const connectionString = process.env['DATABASE_URL'] ?? '';
const pool = new pg.Pool({ connectionString, max: 5 });
await using auditLog = createAuditLog({ connectionString, poolMax: 5, beginTimeoutMs: 60_000 });
await using app = fastify({ keepAliveTimeout: 1000 });
await app.register(sealogFastify, {
  auditLog,
  actor: () => ({ kind: 'user', id: 'u1' }),
  resource: ({ params }) => ({ type: 'operation', id: (params as { key: string }).key }),
});
app.post<{ Params: { key: string } }>('/operations/:key', async ({ params: { key } }, reply) => {
  await pool.query('insert into handled (key) values ($1)', [key]);
  const number = Number(key);
  // Some take long, so that each kill meets one.
  await delay(number % 25 === 0 ? 500 : number % 40);
  if (number % 10 === 0) throw new Error('the operation fails');
  return reply.code(number % 7 === 0 ? 409 : 201).send({ key });
});
app.get('/', async () => 'up');

await app.listen({ port: 0, host: '127.0.0.1' });
const address = app.server.address();
process.stdout.write(
  `${JSON.stringify({ event: 'service.listening', port: typeof address === 'object' ? address?.port : address })}\n`,
);
await once(process, 'SIGTERM');
await app.close();
await pool.end();
