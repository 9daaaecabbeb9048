import { expect, test } from '@jest/globals';
import fastify from 'fastify';
import sealogFastify from '../../src/integrations/fastify.ts';
import { createAuditLog } from '../../src/index.ts';
import { storedEntries } from '../support/audited-service.ts';
import { createDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';

// More than the default limit of `begin`: however busy the machine is, timers of one process go off in their order.
const LATE_MS = 2000 + 1500;

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
  const sent: { n: number; status: number; isLate: boolean }[] = [];
  const post = async (): Promise<void> => {
    const n = next++;
    let isLate = false;
    const late = setTimeout(() => (isLate = true), LATE_MS);
    const { statusCode } = await app.inject({ method: 'POST', url: `/disks/${n}` });
    clearTimeout(late);
    sent.push({ n, status: statusCode, isLate });
  };
  // More at once than the pool has connections.
  const burst = () => Promise.all(Array.from({ length: 15 }, post));
  const expectRefused = async () => {
    const from = sent.length;
    await burst();
    const refused = sent.slice(from);
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
    expect(refused.filter(({ isLate }) => isLate)).toEqual([]);
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
