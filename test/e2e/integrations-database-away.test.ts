import { expect, test } from '@jest/globals';
import fastify from 'fastify';
import sealogFastify from '../../src/integrations/fastify.ts';
import { createAuditLog } from '../../src/index.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';

// The default limit of `begin`, and what a busy machine adds.
const LIMIT_MS = 2000 + 1500;

test('without its database a service refuses what mutates, in time and unrun, reads on, and recovers by itself', async () => {
  await using database = await createDatabase();
  await using proxy = await startProxy(database.url);
  await using auditLog = createAuditLog({ connectionString: proxy.url, logger: recordingLogger() });
  await using app = fastify();
  const ran: number[] = [];
  await app.register(sealogFastify, { auditLog, actor: () => ({ kind: 'user', id: 'u1' }), logger: recordingLogger() });
  app.post<{ Params: { n: string } }>('/disks/:n', async ({ params }, reply) => {
    ran.push(Number(params.n));
    return reply.code(201).send({});
  });
  app.get('/disks', async () => ran);
  let next = 0;
  const sent: { n: number; status: number; ms: number }[] = [];
  const post = async (): Promise<void> => {
    const n = next++;
    const started = performance.now();
    const { statusCode } = await app.inject({ method: 'POST', url: `/disks/${n}` });
    sent.push({ n, status: statusCode, ms: performance.now() - started });
  };
  // More at once than the pool has connections.
  const burst = () => Promise.all(Array.from({ length: 15 }, post));
  const expectRefused = async () => {
    const from = sent.length;
    await burst();
    const refused = sent.slice(from);
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
    expect(Math.max(...refused.map(({ ms }) => ms))).toBeLessThan(LIMIT_MS);
    expect((await app.inject({ method: 'GET', url: '/disks' })).statusCode).toBe(200);
  };
  const expectRecovery = () =>
    waitUntil('audited again', async () => {
      await post();
      return sent.at(-1)?.status === 201;
    });

  await burst();
  await proxy.cut();
  await expectRefused();
  await proxy.mend();
  await expectRecovery();
  proxy.halfOpen();
  await expectRefused();
  await proxy.cut();
  await proxy.mend();
  await expectRecovery();
  await burst();
  // Entries are completed after their answers: what is incomplete after this stays so.
  await app.close();

  const answered = sent.filter(({ status }) => status === 201).map(({ n }) => n);
  expect(ran.toSorted((a, b) => a - b)).toEqual(answered.toSorted((a, b) => a - b));
  // One that was begun though its answer was lost has an entry, and did not run: it is the worker's to complete.
  const { rows } = await database.pool.query<{ lost: number }>(
    `select count(*) filter (where result_kind is null)::integer as lost from sealog.audit_log`,
  );
  const lost = rows[0]?.lost ?? 0;
  const entries = await storedEntries(database.pool, answered.length + lost, { incomplete: lost });
  const recorded = entries.filter(({ status }) => status === 201).map(({ uri }) => Number(uri?.split('/')[2]));
  expect(recorded.toSorted((a, b) => a - b)).toEqual(answered.toSorted((a, b) => a - b));
});
