import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { replaceClock } from '../clock.ts';
import { type NodeProcess, spawnNode } from '../processes.ts';
import { startReplica } from '../replica.ts';
import { PATIENCE_MS } from '../wait.ts';

export interface KilledServiceRun {
  /** How many at least, however long a slow machine takes for them. */
  readonly requests: number;
  /** At most. */
  readonly requestsPerSecond: number;
  /** With SIGKILL, spread over the run; after each the service is started again. More, until one has left an entry. */
  readonly kills: number;
}

export interface KilledServiceFigures {
  readonly sent: number;
  readonly answered: number;
  /** Told 503: nothing ran. */
  readonly refused: number;
  readonly handled: number;
  readonly entries: number;
  /** Begun, and left incomplete by a kill. */
  readonly leftIncomplete: number;
  /** Of those answered, the ones whose service was killed before it had completed the entry. */
  readonly answeredAndUnknown: number;
  readonly problems: readonly string[];
}

const TICK_MS = 50;
const MAX_IN_FLIGHT = 50;

/** Sends requests to a service that is killed again and again, and judges what is in its audit log afterwards. */
export async function runKilledService(
  url: string,
  pool: Pool,
  { requests, requestsPerSecond, kills }: KilledServiceRun,
): Promise<KilledServiceFigures> {
  await pool.query('create table handled (key bigint not null)');
  const agent = new Agent({ keepAlive: true });
  const answers = new Map<number, number>();
  const inFlight = new Set<Promise<void>>();
  let sent = 0;
  let port = 0;
  const started: NodeProcess[] = [];
  const start = async (): Promise<NodeProcess> => {
    const args = ['--conditions=@sealog/source', 'test/support/killed-service/service.ts'];
    const service = await spawnNode(args, { env: { DATABASE_URL: url, NODE_OPTIONS: '' } });
    started.push(service);
    port = Number((await service.waitForEvent('service.listening'))['port']);
    return service;
  };
  const send = (key: number): void => {
    const call = post(agent, port, `/operations/${key}`)
      .then((status) => void (status !== undefined && answers.set(key, status)))
      .finally(() => inFlight.delete(call));
    inFlight.add(call);
  };

  await using stack = new AsyncDisposableStack();
  stack.defer(async () => void (await Promise.all(started.map((service) => service[Symbol.asyncDispose]()))));
  stack.defer(() => agent.destroy());
  let service = await start();
  const perTick = requestsPerSecond * (TICK_MS / 1000);
  const sendShare = async (): Promise<void> => {
    const share = Math.round(requests / (kills + 1));
    for (let of = 0; of < share; await delay(TICK_MS)) {
      const now = Math.min(perTick, share - of, MAX_IN_FLIGHT - inFlight.size);
      for (let n = 0; n < now; n++, of++) send(++sent);
    }
  };
  const hasLeft = async () => (await rowsOf(pool)).some(({ entries, result }) => entries > 0 && result === null);
  for (let killed = 0; killed < kills || !(await hasLeft()); killed++) {
    await sendShare();
    service.kill('SIGKILL');
    await service.exited;
    // Those that it has left have been refused by then, and what it had sent to its database is done.
    await Promise.all(inFlight);
    service = await start();
  }
  await sendShare();
  await Promise.all(inFlight);
  service.kill('SIGTERM');
  const exit = await service.exited;

  const problems = exit.code === 0 ? [] : [`the service ended with ${JSON.stringify(exit)}: ${service.stderr}`];
  return { sent, ...(await judge(url, pool, answers, problems)) };
}

/** The status; undefined when there was no answer. */
async function post(agent: Agent, port: number, path: string): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const request = httpRequest(
    { agent, host: '127.0.0.1', port, path, method: 'POST', timeout: PATIENCE_MS },
    (response) => {
      response
        .resume()
        .on('end', () => resolve(response.statusCode))
        .on('error', () => resolve(undefined));
    },
  );
  request
    .on('error', () => resolve(undefined))
    .on('timeout', () => request.destroy())
    .end();
  return await promise;
}

interface Row {
  readonly key: string;
  readonly handled: number;
  readonly entries: number;
  readonly status: number | null;
  readonly result: string | null;
}

async function judge(url: string, pool: Pool, answers: ReadonlyMap<number, number>, problems: string[]) {
  const rows = await rowsOf(pool);
  const incomplete = rows.filter(({ entries, result }) => entries > 0 && result === null);
  await replaceClock(pool, `clock_timestamp() + interval '1 minute'`);
  await using replica = await startReplica(url, { SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: '1' });
  await replica.activate();
  const after = await rowsOf(pool);

  let answeredAndUnknown = 0;
  for (const { key, handled, entries, status, result } of after) {
    const told = answers.get(Number(key));
    if (handled > 1) problems.push(`${key}: ran ${handled} times`);
    if (handled > 0 && entries !== 1) problems.push(`${key}: ran, and has ${entries} entries`);
    if (entries > 0 && result === null) problems.push(`${key}: is still incomplete`);
    if (told === 503 ? handled > 0 : told !== undefined && handled === 0) {
      problems.push(`${key}: answered ${told}, and ran ${handled} times`);
    }
    if (told === undefined || told === 503) continue;
    if (result === 'timeout') answeredAndUnknown++;
    else if (status !== told) problems.push(`${key}: answered ${told}, recorded ${status}`);
  }
  const known = new Set(after.map(({ key }) => Number(key)));
  for (const [key, told] of answers) {
    if (told !== 503 && !known.has(key)) problems.push(`${key}: answered ${told}, and is not known`);
  }
  return {
    answered: answers.size,
    refused: [...answers.values()].filter((status) => status === 503).length,
    handled: after.filter(({ handled }) => handled > 0).length,
    entries: after.reduce((sum, { entries }) => sum + entries, 0),
    leftIncomplete: incomplete.length,
    answeredAndUnknown,
    problems,
  };
}

async function rowsOf(pool: Pool): Promise<Row[]> {
  const { rows } = await pool.query<Row>(
    `with entry as (
       select resource_id::bigint as key, count(*)::integer as entries, max(http_status_code) as status,
              max(result_kind) as result
         from sealog.audit_log group by 1
     ), run as (select key, count(*)::integer as handled from handled group by 1)
     select key, coalesce(handled, 0) as handled, coalesce(entries, 0) as entries, status, result
       from entry full join run using (key)`,
  );
  return rows;
}
