import type { WriteStream } from 'node:tty';
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
    const lines = renderLines(shown, terminal);
    // Without a line break behind the last line, which would scroll the first one out of sight.
    const fitting = lines.length > terminal.rows ? [...lines.slice(0, terminal.rows - 1), '…'] : lines;
    const text = fitting.map((line) => `${line}${ERASE_LINE}`).join('\n');
    terminal.write(`${HOME}${text}${ERASE_BELOW}`);
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
