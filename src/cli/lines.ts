import { styleText } from 'node:util';
import { columnsOf, cutColumns } from './columns.ts';

export type Format = Parameters<typeof styleText>[0];

/** A line for people. */
export interface Line {
  readonly text: string;
  readonly format?: Format | undefined;
  /** Goes on in further lines, so far indented, where it is wider than the terminal. Without it, the line is cut. */
  readonly hang?: number;
}

/** Where lines are shown: standard output, or what behaves like it. */
export type Terminal = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/**
 * Lines as text: as wide as the terminal and in colour, or as they are where there is no terminal. `NO_COLOR` and
 * `FORCE_COLOR` are heeded.
 */
export function renderLines(lines: readonly Line[], terminal: Terminal = process.stdout): string[] {
  const width = terminal.isTTY && terminal.columns ? terminal.columns : Number.POSITIVE_INFINITY;
  return lines.flatMap(({ text, format, hang }) => {
    const fitting = hang === undefined ? [cutColumns(text, width)] : wrap(text, width, hang);
    return format === undefined ? fitting : fitting.map((part) => colour(format, part, terminal));
  });
}

function colour(format: Format, text: string, terminal: Terminal): string {
  return styleText(format, text, { stream: terminal });
}

/** Breaks at blanks. A word that does not fit anywhere is left to the terminal: it may be there to be copied. */
function wrap(text: string, width: number, hang: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\S )/)) {
    if (line.trim() !== '' && columnsOf(`${line}${word}`.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = ' '.repeat(hang);
    }
    line += word;
  }
  return [...lines, line.trimEnd()];
}
