import { columnsOf, padColumns } from './columns.ts';

/** Rows of cells as aligned columns, two blanks apart. The first row is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => columnsOf(cells[column] ?? ''))));
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => padColumns(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Indents every line by two blanks. */
export function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const;

/** A length of time in its largest unit, as people say it: `12 s`, `4 min`, `3 h`, `2 d`. */
export function formatSeconds(seconds: number): string {
  const unit = UNITS.find(([, size]) => seconds >= 2 * size);
  return unit ? `${Math.floor(seconds / unit[1])} ${unit[0]}` : `${Math.max(0, Math.round(seconds))} s`;
}
