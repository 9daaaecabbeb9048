import { execFile } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type NodeProcess, spawnNode } from '../../test/support/processes.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A program that serves one schedule as one of a fleet. */
export interface Contestant {
  readonly name: string;
  readonly program: (schedule: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How long a rescue takes at the most, where that is worth waiting for. */
  readonly rescueSeconds?: number;
}

// What they need for a rescue within half a minute, by their own settings.
const PG_BOSS_RESCUING = {
  boss: {
    useListenNotify: true,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    cronMonitorIntervalSeconds: 10,
    cronWorkerIntervalSeconds: 2,
  },
  queue: { notify: true, heartbeatSeconds: 10, retryLimit: 5, retryDelay: 1 },
};
const BULLMQ_RESCUING = { lockDuration: 10_000, stalledInterval: 5000, maxStalledCount: 5 };

/** Those that run here: a peer is left out when it is not installed. Those of peers note each start in `table`. */
export function contestants(sealog: string, { table }: { readonly table?: string } = {}): readonly Contestant[] {
  const peer =
    (file: string, options: object): Contestant['program'] =>
    (schedule) => [
      join(import.meta.dirname, file),
      JSON.stringify(options),
      schedule,
      ...(table === undefined ? [] : [table]),
    ];
  const graphile = [
    { name: 'graphile-worker, defaults', program: peer('graphile-replica.js', {}) },
    { name: 'graphile-worker, polling often', program: peer('graphile-replica.js', { pollInterval: 500 }) },
  ];
  const bullmq = [
    { name: 'BullMQ on PostgreSQL, defaults', program: peer('bullmq-replica.js', {}), rescueSeconds: 60 },
    {
      name: 'BullMQ on PostgreSQL, rescuing soon',
      program: peer('bullmq-replica.js', BULLMQ_RESCUING),
      rescueSeconds: 20,
    },
  ];
  return [
    { name: 'sealog', program: () => [sealog, 'worker'] },
    { name: 'pg-boss, defaults', program: peer('pg-boss-replica.js', {}) },
    { name: 'pg-boss, rescuing soon', program: peer('pg-boss-replica.js', PG_BOSS_RESCUING), rescueSeconds: 30 },
    ...(isInstalled('graphile-worker') ? graphile : []),
    ...(isInstalled('bullmq') ? bullmq : []),
  ];
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** The executable as it is installed: JavaScript, beside its migrations. */
export async function buildSealog(): Promise<string> {
  const folder = join(ROOT, 'node_modules/.cache/sealog-bench');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const name of ['package.json', 'migrations', 'config']) await symlink(join(ROOT, name), join(folder, name));
  const project = join(ROOT, 'tsconfig.build.json');
  await promisify(execFile)(process.execPath, [
    join(ROOT, 'node_modules/typescript/bin/tsc'),
    '--project',
    project,
    '--outDir',
    join(folder, 'dist'),
  ]);
  return join(folder, 'dist/bin.js');
}

export interface Started {
  readonly process: NodeProcess;
  /** From exec until it said that it is ready, in milliseconds. */
  readonly readyMs: number;
}

export async function startReplica(
  { program, env = {} }: Contestant,
  { url, name, schedule }: { readonly url: string; readonly name: string; readonly schedule: string },
): Promise<Started> {
  const started = performance.now();
  const child = await spawnNode(program(schedule), {
    env: {
      DATABASE_URL: url,
      NODE_ENV: 'production',
      SEALOG_INSTANCE_NAME: name,
      SEALOG_AUDIT_TIMEOUT_SCHEDULE: schedule,
      SEALOG_HTTP_PORT: '0',
      ...env,
    },
  });
  await child.waitForLine((line) => line === 'ready' || line.includes('"worker.started"'), 120_000);
  return { process: child, readyMs: performance.now() - started };
}
