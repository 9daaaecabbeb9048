import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plot, Report } from './benchmark.ts';
import { drawSvg } from './draw.ts';
import type { Machine } from './machine.ts';

/** What `<name>.json` holds: what was found, and where and when. */
export interface Result extends Omit<Report, 'plot'> {
  readonly name: string;
  readonly question: string;
  readonly tiny: boolean;
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine & {
    readonly loadAverage: { readonly before: readonly number[]; readonly after: readonly number[] };
  };
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
}

/** Writes `<name>.json`, and `<name>.svg` when the packages that draw are installed. Answers the files. */
export async function writeResults(folder: string, result: Result, plot: Plot): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const json = join(folder, `${result.name}.json`);
  await writeFile(json, `${JSON.stringify(result, null, 2)}\n`);
  const svg = await drawSvg(plot, subtitleOf(result));
  if (svg === undefined) return [json];
  const file = join(folder, `${result.name}.svg`);
  await writeFile(file, `${svg}\n`);
  return [json, file];
}

/** A picture travels without its table, and says itself what it is of. */
function subtitleOf({ tiny, date, machine, versions }: Result): readonly string[] {
  const { cores, cpu, memoryGiB, kernel } = machine;
  const { postgresql, node, ...packages } = versions;
  const rest = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return [
    ...(tiny ? ['Tiny form: its figures mean nothing'] : []),
    `${date.slice(0, 10)}, ${cores} cores (${cpu}), ${memoryGiB} GiB, ${kernel}`,
    [`PostgreSQL ${postgresql}`, `Node ${node}`, ...rest].join(', '),
  ];
}
