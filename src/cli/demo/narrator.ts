import { styleText } from 'node:util';
import { print } from '../command.ts';
import { formatTable, indent } from '../table.ts';

// Fits a terminal of the usual 80 columns.
const TEXT_WIDTH = 78;
const QUOTE_WIDTH = 76;

export interface Narrator {
  /** Begins the next step. */
  step(title: string): void;
  /** A paragraph. */
  say(text: string): void;
  /** A heading and its rows. Rows that `emphasize` picks stand out where there is colour. */
  table(rows: readonly (readonly string[])[], emphasize?: (row: readonly string[]) => boolean): void;
  /** One line of JSON as it was logged, on several lines. */
  quoteJson(line: string): void;
}

/** Tells the demo on stdout, in colour where stdout is a terminal that has it. */
export function createNarrator(): Narrator {
  let steps = 0;
  let underTitle = false;
  // A blank line between all blocks, but not between a title and what is said first.
  const block = (text: string): void => {
    print(underTitle ? text : `\n${text}`);
    underTitle = false;
  };
  return {
    step(title) {
      block(style(['bold', 'cyan'], `${++steps}. ${title}`));
      underTitle = true;
    },
    say(text) {
      block(indent(fill(text.split(/(?<= )/), TEXT_WIDTH)));
    },
    table(rows, emphasize) {
      const lines = formatTable(rows).split('\n');
      const styled = lines.map((line, index) => {
        if (index === 0) return style('dim', line);
        return emphasize?.(rows[index] ?? []) ? style('yellow', line) : line;
      });
      block(indent(indent(styled.join('\n'))));
    },
    quoteJson(line) {
      // Only where JSON may be broken, so that it can be copied as it is.
      const text = fill(line.split(/(?<=,)(?=")/), QUOTE_WIDTH);
      block(indent(indent(style('yellow', text))));
    },
  };
}

export function style(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, { stream: process.stdout });
}

/** Joins pieces to lines of at most `width`, as far as the pieces allow. */
function fill(pieces: readonly string[], width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const piece of pieces) {
    if (line !== '' && `${line}${piece}`.trimEnd().length > width) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += piece;
  }
  return [...lines, line].join('\n');
}
