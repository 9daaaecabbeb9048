import { formatTable, indent } from '../../src/cli/table.ts';
import type { Report, Row, Table } from './benchmark.ts';

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
