import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
  };
}

/** Of 1, 5 and 15 minutes. */
export function loadAverage(): readonly number[] {
  return loadavg().map((load) => Math.round(load * 100) / 100);
}

/** Versions of Node and of the packages in `names`, as they are installed: the product's, then the benchmarks' own. */
export function describeVersions(names: readonly string[]): Readonly<Record<string, string>> {
  const found = names.map((name) => [name, installedVersion(name)] as const);
  return { node: process.versions.node, ...Object.fromEntries(found.filter(([, version]) => version !== undefined)) };
}

function installedVersion(name: string): string | undefined {
  for (const root of ['../../node_modules', '../node_modules']) {
    try {
      const text = readFileSync(new URL(`${root}/${name}/package.json`, import.meta.url), 'utf8');
      const { version }: { version: string } = JSON.parse(text);
      return version;
    } catch {
      continue;
    }
  }
  return undefined;
}
