import type { WriteStream } from 'node:tty';
import { endOf } from '../columns.ts';
import { type Line, renderLines } from '../lines.ts';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const ERASE_LINE = '\u001b[K';
const ERASE_BELOW = '\u001b[J';

/** The whole of a terminal, painted again and again in place. */
export interface Screen extends Disposable {
  show(lines: readonly Line[]): void;
}

/**
 * Takes the terminal's other screen, so that what was on it before comes back in the end, with what was shown last
 * below. Comes back however the process ends, but for SIGKILL.
 */
export function openScreen(terminal: WriteStream): Screen {
  let shown: readonly Line[] = [];
  const paint = () => {
    const { rows, columns } = sizeOf(terminal);
    const lines = fitting(renderLines(shown, terminal), { rows, columns });
    // At the end of a full row the cursor still stands on its last character, which would be erased.
    const isFull = (line: string) => endOf(line, columns).column === columns;
    const text = lines.map((line) => (isFull(line) ? line : `${line}${ERASE_LINE}`)).join('\n');
    terminal.write(`${HOME}${text}`);
  };
  const leave = () => terminal.write(LEAVE);
  terminal.write(ENTER);
  terminal.on('resize', paint);
  process.once('exit', leave);
  return {
    show(lines) {
      shown = lines;
      paint();
    },
    [Symbol.dispose]() {
      process.off('exit', leave);
      terminal.off('resize', paint);
      leave();
      terminal.write(
        renderLines(shown, terminal)
          .map((line) => `${line}\n`)
          .join(''),
      );
    },
  };
}

type Size = Pick<WriteStream, 'rows' | 'columns'>;

/** A terminal that nobody has told its size yet has none. */
function sizeOf({ rows, columns }: Size): Size {
  return { rows: rows || Number.POSITIVE_INFINITY, columns: columns || Number.POSITIVE_INFINITY };
}

/**
 * As many of the lines as the terminal has rows for, where a word that is wider than the terminal takes several, and what
 * erases the rest. Without a line break behind the last row, which would scroll the first one out of sight.
 */
function fitting(lines: readonly string[], { rows, columns }: Size): readonly string[] {
  let taken = 0;
  const ends = lines.map((line) => (taken += endOf(line, columns).rows));
  if (taken < rows) return [...lines, ERASE_BELOW];
  return taken === rows ? lines : [...lines.slice(0, ends.filter((end) => end < rows).length), '…'];
}
