/**
 * What the Fastify plugin costs on a trivial handler, beside the same service writing one row a request by hand, behind
 * the answer or before the handler, and beside one that writes nothing: by turns, in one run, over HTTP. Per request: the
 * median of what its client waits, and the time of a round through the number of requests, until all is written.
 * Run: node --conditions=@sealog/source test/soak/fastify-overhead.ts [--rounds 6]
 */
import fastify, { type FastifyInstance } from 'fastify';
import { Agent, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { createAuditLog } from 'sealog';
import sealogFastify from 'sealog/fastify';
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { waitUntil } from '../support/wait.ts';

const REQUESTS = 400;
const CONCURRENCY = 4;
const INSERT = 'insert into by_hand (operation, actor, uri, ip, agent';

async function post(agent: Agent, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = httpRequest({ agent, host: '127.0.0.1', port, path: '/disks/7', method: 'POST' }, (response) => {
    response.resume().on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error('refused'))));
  });
  request.on('error', reject).end();
  return await promise;
}

/** Milliseconds of each request. */
async function measure(agent: Agent, port: number): Promise<number[]> {
  const times: number[] = [];
  let left = REQUESTS;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const started = performance.now();
      await post(agent, port);
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  return times;
}

function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

type Figures = Readonly<Record<string, number>>;

const rounded = (value: number): number => Math.round(value * 100) / 100;

function each(figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]));
}

function ratio({ plugin = Number.NaN, ...others }: Figures, to: string): number {
  return rounded(plugin / (others[to] ?? Number.NaN));
}

await experiment('fastify-overhead', async ({ rounds = 6 }) => {
  await using cluster = await startFaultCluster();
  await using stack = new AsyncDisposableStack();
  const pool = new pg.Pool({ connectionString: cluster.url, max: 10 });
  stack.defer(() => pool.end());
  await pool.query(
    'create table by_hand (id bigint generated always as identity primary key, time timestamptz not null default now(), ' +
      'operation text not null, actor text not null, uri text, ip inet, agent text, status integer)',
  );
  const auditLog = stack.use(createAuditLog({ pool }));

  const services: Record<string, FastifyInstance> = { nothing: fastify(), byHand: fastify(), plugin: fastify() };
  await services['plugin']?.register(sealogFastify, { auditLog, actor: () => ({ kind: 'user', id: 'u1' }) });
  services['byHand']?.addHook('onResponse', async ({ url, ip, headers }, reply) => {
    const row = ['POST /disks/:id', 'u1', url, ip, headers['user-agent'], reply.statusCode];
    await pool.query(`${INSERT}, status) values ($1, $2, $3, $4, $5, $6)`, row);
  });
  // As careful as the plugin: the row is there before the operation runs.
  const before = fastify();
  before.addHook('preHandler', async ({ url, ip, headers }) => {
    const row = ['POST /disks/:id', 'u1', url, ip, headers['user-agent']];
    await pool.query(`${INSERT}) values ($1, $2, $3, $4, $5)`, row);
  });
  services['byHandBefore'] = before;

  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  stack.defer(() => agent.destroy());
  const ports = new Map<string, number>();
  for (const [name, app] of Object.entries(services)) {
    app.post('/disks/:id', async () => ({ done: true }));
    await app.listen({ port: 0, host: '127.0.0.1' });
    stack.defer(() => app.close());
    ports.set(name, (app.server.address() as AddressInfo).port);
  }

  const times = new Map<string, number[]>();
  const roundMs = new Map<string, number>();
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, port] of ports) {
      const started = performance.now();
      const taken = await measure(agent, port);
      await waitUntil('all is written', () => pool.waitingCount === 0 && pool.idleCount === pool.totalCount);
      if (round === 0) continue;
      times.set(name, [...(times.get(name) ?? []), ...taken]);
      roundMs.set(name, (roundMs.get(name) ?? 0) + performance.now() - started);
    }
  }
  const medians = Object.fromEntries([...times].map(([name, taken]) => [name, quantile(taken, 0.5)]));
  const perRequest = Object.fromEntries([...roundMs].map(([name, ms]) => [name, ms / (rounds * REQUESTS)]));
  return {
    problems: [],
    requestsEach: rounds * REQUESTS,
    concurrency: CONCURRENCY,
    medianMs: each(medians),
    p99Ms: each(Object.fromEntries([...times].map(([name, taken]) => [name, quantile(taken, 0.99)]))),
    perRequestMs: each(perRequest),
    waitToByHandBefore: ratio(medians, 'byHandBefore'),
    costToByHand: ratio(perRequest, 'byHand'),
    costToByHandBefore: ratio(perRequest, 'byHandBefore'),
  };
});
