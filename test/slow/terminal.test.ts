import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { waitUntil } from '../support/wait.ts';

// A terminal of 60 columns and 12 rows, by `script` of util-linux.
let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(async () => await database[Symbol.asyncDispose]());

function onTerminal(command: string, env: Readonly<Record<string, string>> = {}) {
  const node = `stty cols 60 rows 12; exec '${process.execPath}' '${sealogCommand}' ${command}`;
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', node, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'xterm-256color', DATABASE_URL: database.url, ...env },
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  const exited = once(child, 'close').then(([code]) => code as number);
  return { shown: () => shown.replaceAll('\r\n', '\n'), press: (key: string) => child.stdin.write(key), exited };
}

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

test('status --watch paints one screen in place, gives the terminal back at Ctrl-C, and leaves the last status on it', async () => {
  const terminal = onTerminal('status --watch 1');
  const frames = () => terminal.shown().split('\u001b[H').slice(1);
  await waitUntil('two frames', () => frames().length > 2);
  terminal.press('\u0003');
  expect(await terminal.exited).toBe(0);
  expect(terminal.shown().startsWith(ENTER)).toBe(true);
  const [first = ''] = frames();
  expect(first).toContain('audit log: no replica is alive');
  // No more lines than there are rows, none wider than the terminal, and each rubs out what was there or is full.
  const lines = first.split('\n');
  expect(lines).toHaveLength(12);
  const width = (line: string) => stripVTControlCharacters(line).length;
  expect(lines.filter((line) => width(line) < 60 !== line.endsWith('\u001b[K'))).toEqual([]);
  expect(Math.max(...lines.map(width))).toBeLessThanOrEqual(60);
  const left = terminal.shown().split(LEAVE);
  expect(left).toHaveLength(2);
  expect(left[1]).toMatch(/audit log: no replica is alive.*replicas.*none\n$/s);
});

test('there are colours on a terminal, and none with NO_COLOR', async () => {
  const coloured = onTerminal('status');
  expect(await coloured.exited).toBe(0);
  expect(coloured.shown()).toContain('\u001b[31m');
  const plain = onTerminal('status', { NO_COLOR: '1' });
  expect(await plain.exited).toBe(0);
  expect(plain.shown()).toContain('audit log: no replica');
  expect(plain.shown()).not.toContain('\u001b');
});

test('activate tells its progress in one line, and an error on the next', async () => {
  const terminal = onTerminal('activate --wait 1');
  expect(await terminal.exited).toBe(1);
  const [progress, error] = terminal.shown().split('\n');
  expect(progress).toBe('\r\u001b[Kaudit-timeout: queued, waiting for a worker');
  expect(error).toMatch(/^sealog: the activation was taken by no worker/);
});
