import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { spawnNode } from '../../test/support/processes.ts';

/** Modules that are loaded one after the other, and looked at together. */
export interface Step {
  readonly step: string;
  readonly modules: readonly string[];
}

/** A process at one moment: milliseconds since it was started, and what it held then. */
export interface Moment {
  readonly step: string;
  readonly ms: number;
  readonly residentMiB: number;
}

const ROOT = join(import.meta.dirname, '../..');
const PG_BOSS = { step: 'pg-boss', modules: ['pg-boss'] };

/** What `sealog worker` loads. Packages come before those that need them, so that each is told with its own. */
export const SEALOG_PACKAGES: readonly Step[] = [
  PG_BOSS,
  { step: 'kysely', modules: ['kysely', 'kysely/migration'] },
  {
    step: 'OpenTelemetry: metrics, Prometheus exporter',
    modules: ['@opentelemetry/api', '@opentelemetry/sdk-metrics', '@opentelemetry/exporter-prometheus'],
  },
  { step: 'convict', modules: ['convict'] },
  { step: 'commander', modules: ['commander'] },
  { step: 'pino', modules: ['pino', 'pino-pretty'] },
  {
    step: 'other packages',
    modules: [
      'cron-parser',
      'csv-stringify/sync',
      'fastest-levenshtein',
      'ipaddr.js',
      'p-retry',
      'safe-stable-stringify',
    ],
  },
];

/** What is loaded only when the environment names a collector of traces. */
export const TRACING: Step = {
  step: 'OpenTelemetry: traces, OTLP exporter',
  modules: ['@opentelemetry/sdk-trace', '@opentelemetry/exporter-trace-otlp-http'],
};

/** What bare pg-boss loads, as a program that does no more. */
export const PG_BOSS_PACKAGES: readonly Step[] = [PG_BOSS];

/** All of the program's own modules, whose executable is given; its packages are loaded before. */
export function ownModules(executable: string): Step {
  const run = executable.replace(/bin\.(ts|js)$/, 'cli/run.$1');
  return { step: 'its own modules', modules: [pathToFileURL(resolve(ROOT, run)).href] };
}

/** A fresh process after each of the steps; the first moment is when Node itself was there. */
export async function importInOrder(steps: readonly Step[]): Promise<readonly Moment[]> {
  const script = await readFile(join(import.meta.dirname, 'imports.js'), 'utf8');
  const args = ['--input-type=module', '--eval', script, JSON.stringify(steps)];
  await using child = await spawnNode(args, { cwd: ROOT, env: { NODE_ENV: 'production' } });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`a process that only imports ended with ${code}: ${child.stderr}`);
  const moments: readonly Moment[] = JSON.parse(child.stdout);
  return moments;
}
