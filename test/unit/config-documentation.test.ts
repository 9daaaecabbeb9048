import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { declarations } from '../../src/config/declarations.ts';
import { describeSettings } from '../../src/config/describe-settings.ts';
import { loadSettings } from '../../src/config/load-settings.ts';

const PAGE = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

/** The cells of each row of the table that is about a key, without backticks. */
const TABLE = PAGE.split('\n')
  .filter((line) => /^\| `\w+\.\w+` \|/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));

/** What the table says where default.json has nothing. */
const WITHOUT_DEFAULT: Record<string, string> = { 'not set': 'none', 'host and process id': 'host and process id' };

const settings = describeSettings(loadSettings({ env: {} }));

/** What a file of that content sets for the job, or the message that refuses it. */
function withFile(content: string, env: Record<string, string> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'sealog-config-'));
  try {
    const SEALOG_CONFIG = join(directory, 'sealog.json');
    writeFileSync(SEALOG_CONFIG, content);
    return JSON.stringify(loadSettings({ env: { ...env, SEALOG_CONFIG } }).settings.auditTimeout);
  } catch (error) {
    return String(error instanceof Error ? error.message : error).replaceAll(`${directory}/`, '');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('the table has every key, once and in order, and no other', () => {
  expect(TABLE.map((cells) => cells[1])).toEqual(settings.map(({ key }) => key));
});

describe.each(settings.map((setting, index) => ({ ...setting, cells: TABLE[index] ?? [] })))('$key', (setting) => {
  const { cells, key, value, origin, environment, doc } = setting;
  const { expected } = declarations[key].rule;

  test('is in the table with its variable and its default', () => {
    expect(cells.slice(1, 4)).toEqual([key, environment, WITHOUT_DEFAULT[origin] ?? String(value)]);
  });

  test('is in the table with what is allowed', () => {
    const choices = /^one of (.*)$/.exec(expected)?.[1];
    const bounds = /^a whole number from (\d+) to (\d+)$/.exec(expected);
    const exact = choices ?? (bounds ? `${bounds[1]} to ${bounds[2]}` : undefined);
    expect(cells[4]).toBe(exact ?? cells[4]);
    expect(cells[4]).not.toBe('');
  });

  test('is in the table with what it does', () => {
    expect(cells).toHaveLength(7);
    expect(cells[5]?.length).toBeGreaterThan(doc.length);
  });
});

test('the file of the example changes the schedule', () => {
  const example = /```json\n(.*?)\n```/s.exec(PAGE)?.[1] ?? '';
  expect(withFile(example)).toContain('"schedule":"0 3 * * *","timezone":"Europe/Berlin"');
});

test('the errors of the page are the errors that are told', () => {
  const file = '{ "auditTimeout": { "maxUpdatePerActvation": 1, "timeoutSeconds": "4h" } }';
  const message = withFile(file, { SEALOG_HTTP_PROT: '1' });
  expect(PAGE).toContain(`\`\`\`\n${message}\n\`\`\``);
});
