import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatTable, indent } from '../../src/cli/table.ts';
import type { Plot, Report, Row, Table } from './benchmark.ts';
import { loadPackage } from './load-package.ts';

/** The report as people read it in a terminal. */
export function formatReport({ tables, aims, counts, notes = [] }: Report): string {
  const parts = [
    ...tables,
    { title: 'Aims', rows: aims.map(({ aim, measured, reached }) => ({ aim, measured, reached })) },
    { title: 'Counts', rows: counts.map((count) => ({ ...count })) },
  ];
  return [...parts.filter(({ rows }) => rows.length > 0).map(formatPart), ...notes].join('\n\n');
}

function formatPart({ title, rows }: Table): string {
  const columns = Object.keys(rows[0]!);
  return `${title}\n${indent(formatTable([columns, ...rows.map((row) => columns.map((name) => formatCell(row[name])))]))}`;
}

function formatCell(cell: Row[string] | undefined): string {
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (typeof cell !== 'number') return cell ?? '-';
  // Three digits tell all that a measurement knows; a count is told whole.
  return Number.isInteger(cell) ? cell.toLocaleString('en') : Number(cell.toPrecision(3)).toLocaleString('en');
}

/** Writes `<name>.json`, and `<name>.svg` when the packages that draw are installed. Answers the files. */
export async function writeResults(
  folder: string,
  { name, result, plot }: { readonly name: string; readonly result: object; readonly plot: Plot },
): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const json = join(folder, `${name}.json`);
  await writeFile(json, `${JSON.stringify(result, null, 2)}\n`);
  const svg = await drawSvg(plot);
  if (svg === undefined) return [json];
  const file = join(folder, `${name}.svg`);
  await writeFile(file, `${svg}\n`);
  return [json, file];
}

interface Vega {
  readonly parse: (spec: object) => object;
  readonly View: new (runtime: object, options: { readonly renderer: 'none' }) => { toSVG(): Promise<string> };
}

interface VegaLite {
  readonly compile: (plot: Plot) => { readonly spec: object };
}

async function drawSvg(plot: Plot): Promise<string | undefined> {
  const vega = await loadPackage<Vega>('vega');
  const vegaLite = await loadPackage<VegaLite>('vega-lite');
  if (!vega || !vegaLite) return undefined;
  const { spec } = vegaLite.compile({ background: 'white', config: { legend: { labelLimit: 400 } }, ...plot });
  const view = new vega.View(vega.parse(spec), { renderer: 'none' });
  return await view.toSVG();
}
