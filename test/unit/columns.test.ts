import { PassThrough } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { expect, test } from '@jest/globals';
import { columnsOf, cutColumns, endOf } from '../../src/cli/columns.ts';
import { renderLines } from '../../src/cli/lines.ts';
import { openScreen } from '../../src/cli/status/screen.ts';
import { formatTable } from '../../src/cli/table.ts';

// Two columns each; with an accent of its own, one.
const WIDE = '监查日志';
const ACCENTED = 'e\u0301';

test('a table stands in columns, whatever its cells are written in', () => {
  const table = formatTable([
    ['name', 'is'],
    [WIDE, 'x'],
    [ACCENTED, 'y'],
  ]);
  expect(table.split('\n')).toEqual(['name      is', `${WIDE}  x`, `${ACCENTED}         y`]);
});

test('text is cut between characters, to what the terminal has room for', () => {
  expect(cutColumns(WIDE, 8)).toBe(WIDE);
  expect(cutColumns(WIDE, 7)).toBe('监查日…');
  expect(cutColumns(WIDE, 6)).toBe('监查…');
  expect(cutColumns(`${ACCENTED}${ACCENTED}x`, 2)).toBe(`${ACCENTED}…`);
});

test('lines are as wide as the terminal at most, and a word that is wider is told to take several rows', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 9 });
  const lines = renderLines([{ text: `${WIDE} ${WIDE}` }, { text: `${WIDE} ${WIDE}`, hang: 1 }], terminal);
  expect(lines).toEqual([`${WIDE}…`, WIDE, ` ${WIDE}`]);
  expect(lines.map(columnsOf)).toEqual([9, 8, 9]);
  // A wide character does not stand in the last column of one row and the first of the next.
  expect(endOf(`\u001b[31m${WIDE}${WIDE}\u001b[39m`, 7)).toEqual({ rows: 3, column: 4 });
  expect(endOf('x'.repeat(18), 9)).toEqual({ rows: 2, column: 9 });
});

test('the first line stays in sight, however wide the characters and long the words below', () => {
  const size = { columns: 20, rows: 5 };
  const frame = (...texts: string[]) => {
    let written = '';
    const terminal = Object.assign(new PassThrough(), { isTTY: true, ...size });
    terminal.on('data', (chunk) => (written += String(chunk)));
    using screen = openScreen(terminal as unknown as WriteStream);
    screen.show(texts.map((text) => ({ text, hang: 2 })));
    return written.slice(written.indexOf('\u001b[H') + 3).replaceAll('\u001b[K', '<');
  };
  expect(frame('a', WIDE.repeat(10), 'b', 'c')).toBe('a<\n…<');
  expect(frame('a', 'x'.repeat(50), 'b', 'c')).toBe(`a<\n${'x'.repeat(50)}<\n…<`);
  expect(frame('a', 'x'.repeat(50), 'b')).toBe(`a<\n${'x'.repeat(50)}<\nb<`);
  // What would erase behind a full row would take its last character.
  expect(frame('x'.repeat(20), 'b')).toBe(`${'x'.repeat(20)}\nb<\n\u001b[J<`);
  // Of a size that is not known yet.
  Object.assign(size, { columns: 0, rows: 0 });
  expect(frame('a', 'x'.repeat(50))).toBe(`a<\n${'x'.repeat(50)}<\n\u001b[J<`);
});
