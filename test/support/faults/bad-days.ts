import { execFile } from 'node:child_process';
import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { waitUntil } from '../wait.ts';
import { staleCount } from './activations.ts';
import { checkEffects, checkLogLines, checkOneAtATime } from './check-activations.ts';
import { checkEntries } from './check-entries.ts';
import { type FaultCluster, startFaultCluster } from './fault-cluster.ts';
import { type Fleet, openFleet } from './fleet.ts';
import type { History } from './history.ts';
import { logLines } from './log-lines.ts';
import { type Service, startService } from './services.ts';
import { holdTable } from './table-hold.ts';

export interface BadDay {
  readonly problems: readonly string[];
  readonly [figure: string]: unknown;
}

const run = promisify(execFile);
const TIMEOUT_SECONDS = 5;

/** Every connection that the server admits is taken for 20 s. */
export async function connectionsUsedUp(history: History, seed: number): Promise<BadDay> {
  await using cluster = await startFaultCluster({ settings: { max_connections: '40', reserved_connections: '0' } });
  return await badDay(cluster, history, seed, async () => {
    const hogs: pg.Client[] = [];
    const until = performance.now() + 20_000;
    // What services and replicas let go is taken at once.
    while (performance.now() < until) {
      const hog = new pg.Client({ connectionString: cluster.url });
      hog.on('error', () => {});
      await hog.connect().then(
        () => hogs.push(hog),
        () => delay(100),
      );
      if (hogs.length === 30) await endOthers(hogs[0]!);
    }
    await Promise.all(hogs.map(async (hog) => await hog.end()));
    return { connectionsTaken: hogs.length };
  });
}

/** Takes away the connections of replicas and services, which then have to ask for new ones. */
async function endOthers(client: pg.Client): Promise<void> {
  await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sealog%'`);
}

/** Somebody locks the table for a minute, as a careless ALTER TABLE does. */
export async function lockedForAMinute(history: History, seed: number): Promise<BadDay> {
  await using cluster = await startFaultCluster();
  return await badDay(cluster, history, seed, async () => {
    await using hold = await holdTable(cluster.url);
    await delay(60_000);
    await hold.release();
    return { lockedSeconds: 60 };
  });
}

/** The disk of the cluster is full for 20 s. */
export async function diskFull(history: History, seed: number): Promise<BadDay> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return { problems: [], notTried: 'a small disk can only be mounted by root on Linux' };
  }
  const parent = await mkdtemp(join(tmpdir(), 'sealog-small-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=300m,mode=0711', 'tmpfs', parent]);
  } catch (error) {
    await rmdir(parent);
    return { problems: [], notTried: `no small disk could be mounted: ${String(error)}` };
  }
  try {
    await using cluster = await startFaultCluster({ parent, settings: { max_wal_size: '64MB' } });
    return await badDay(cluster, history, seed, async () => {
      const filler = join(parent, 'filler');
      // With a new segment of the write-ahead log there is room in it: without, the server itself would go down.
      await cluster.pool.query('select pg_switch_wal()');
      // All that is left; dd says that there was no more.
      await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']).catch(() => {});
      await delay(20_000);
      await rm(filler);
      return { fullSeconds: 20 };
    });
  } finally {
    await run('umount', ['--lazy', parent]);
    await rmdir(parent);
  }
}

/** A fleet and a service, well before, then `trouble`, and then as good as before; with what they logged. */
async function badDay(
  cluster: FaultCluster,
  history: History,
  seed: number,
  trouble: () => Promise<object>,
): Promise<BadDay> {
  const { pool, url } = cluster;
  const env = {
    SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *',
    SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
  };
  await using fleet = openFleet({ url, history, env });
  await Promise.all(['one', 'two', 'three'].map(async (name) => await fleet.ready(await fleet.start(name))));
  await using stack = new AsyncDisposableStack();
  const service = stack.use(await startService({ url, name: 'service', seed, requests: 3 }));
  await delay(3000);
  const from = Date.now();
  const figures = await trouble();
  const to = Date.now();
  await waitUntil('a service begins entries again', () => begins(service, to), 60_000);
  await delay(3000);
  await service.stop();
  const none = async (): Promise<boolean> => (await staleCount(pool, TIMEOUT_SECONDS)) === 0;
  await delay(TIMEOUT_SECONDS * 1000);
  await waitUntil('nothing is stale any more', none, 120_000);
  const options = { timeoutSeconds: TIMEOUT_SECONDS };
  const verdict = await checkEntries(pool, service.reports(), { boundSeconds: 120 });
  return {
    problems: [
      ...verdict.problems,
      ...(await checkEffects(pool, options)),
      ...(await checkOneAtATime(pool, options)),
      ...(await checkLogLines(pool, fleet.everyone)),
      ...fleet.died.map(({ name, output }) => `${name} died: ${output.join(' | ')}`),
    ],
    ...figures,
    entries: { begun: verdict.begun, ...verdict.byResult, amendments: verdict.amendments },
    refused: service.reports().filter(({ event }) => event === 'refused').length,
    firstBeginAfterMs: Math.min(...beginTimes(service, to)) - to,
    logged: logged(fleet, from, Date.now()),
  };
}

function begins(service: Service, from: number): boolean {
  return beginTimes(service, from).length > 0;
}

function beginTimes(service: Service, from: number): number[] {
  return service.reports().flatMap((report) => (report.event === 'begun' && report.t >= from ? [report.t] : []));
}

/** How many lines at warn and error the replicas wrote, by event and message of the error. */
function logged(fleet: Fleet, from: number, to: number): Record<string, number> {
  const lines = fleet.everyone.flatMap(({ process: child }) => logLines(child));
  const told: Record<string, number> = {};
  for (const { event, level = 0, time, err, reason } of lines) {
    const at = Date.parse(String(time));
    if (level < 40 || at < from || at > to) continue;
    const { message = reason } = (err ?? {}) as { message?: unknown };
    const key = `${event}: ${typeof message === 'string' ? message : ''}`;
    told[key] = (told[key] ?? 0) + 1;
  }
  return told;
}
