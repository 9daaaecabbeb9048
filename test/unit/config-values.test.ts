import { describe, expect, test } from '@jest/globals';
import { declarations, isKey, keys } from '../../src/config/declarations.ts';
import type { Environment } from '../../src/config/environment.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { ConfigError } from '../../src/errors.ts';

const CRON =
  'a cron expression of five fields (minute hour day month weekday), within their ranges and of a time that comes';
const ZONE = 'an IANA time zone name such as Europe/Berlin';
const URL_RULE = 'a postgres:// or postgresql:// URL with special characters percent-encoded';
const HOST = 'a host name or an IP address';
const LEVELS = 'one of trace, debug, info, warn, error, fatal, silent';
const TEXT = '1 to 255 characters without line breaks or other control characters';
const NAME = (longest: number): string =>
  `1 to ${longest} lower-case letters, digits or underscores that start with a letter or underscore, not with pg_, and are no keyword of SQL such as order`;

function problemsOf(env: Environment): readonly string[] {
  try {
    loadSettings({ env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** For each key: what is expected, values that are just right and values that are not. */
const CASES: Record<string, { expected: string; right: string[]; wrong: string[] }> = {
  'database.url': {
    expected: URL_RULE,
    right: [
      'postgres://h/db',
      'postgresql://u:p%23@h:5432/db?sslmode=require',
      'postgresql:///db?host=/run/postgresql',
      'postgres://[::1]/db',
    ],
    wrong: [
      'mysql://h/db',
      'postgres:db',
      'postgres://',
      'h/db',
      'postgres://h:99999/db',
      'postgres://u:1#23@h/db',
      'postgres://u:1?23@h/db',
      'postgres://u:1/23@h/db',
      'postgres://u:p%zz@h/db',
      'postgres://h/db\n',
      ' postgres://h/db',
    ],
  },
  'database.schema': {
    expected: NAME(63),
    right: ['a', '_a1', 'x'.repeat(63), 'audit', 'orders', 'schema'],
    wrong: [
      '',
      'x'.repeat(64),
      'Sealog',
      '1a',
      'a-b',
      'a.b',
      'a b',
      '"a"',
      'pg_audit',
      'é',
      'a\n',
      'a;drop',
      'user',
      'time',
    ],
  },
  'database.poolMax': {
    expected: 'a whole number from 2 to 100',
    right: ['2', '100'],
    wrong: ['1', '101', '-2', '4.0', 'four', ''],
  },
  'queue.schema': {
    expected: NAME(50),
    right: ['q', 'x'.repeat(50), 'queue'],
    wrong: ['x'.repeat(51), 'pg_boss', 'Q', '', 'order', 'full', 'values'],
  },
  'queue.migrate': {
    expected: 'true or false',
    right: ['true', 'false'],
    wrong: ['TRUE', 'yes', '1', '0', '', ' true', 'no', 'null'],
  },
  'auditTimeout.schedule': {
    expected: CRON,
    right: [
      '* * * * *',
      '*/10 0-6 1,15 * mon-fri',
      '0 3 * * 7',
      '0 0 29 2 *',
      '5  *\t* * *',
      '0 0 L * *',
      '0 9 * JAN THU',
    ],
    wrong: [
      '',
      '@hourly',
      '@daily',
      '* * *',
      '* * * *',
      '* * * * * *',
      '0 */10 * * * *',
      ' * * * * *',
      '* * * * * ',
      '61 * * * *',
      '60 * * * *',
      '* 24 * * *',
      '* * 0 * *',
      '* * 32 * *',
      '* * * 13 *',
      '* * * 0 *',
      '* * * * 8',
      '*/0 * * * *',
      '*/90 * * * *',
      '5-1 * * * *',
      '-1 * * * *',
      '1,,2 * * * *',
      'a * * * *',
      '1.5 * * * *',
      '0 0 30 2 *',
      'H * * * *',
      'H/5 * * * *',
      '* * * * *\n',
      '*\n* * * *',
      '0 0 * foo *',
    ],
  },
  'auditTimeout.timezone': {
    expected: ZONE,
    right: ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'],
    wrong: ['', 'Mars/Olympus', '+02:00', 'UTC ', 'local', '2'],
  },
  'auditTimeout.timeoutSeconds': {
    expected: 'a whole number from 1 to 31536000',
    right: ['1', '60', '31536000'],
    wrong: [
      '4h',
      '0',
      '31536001',
      '-1',
      '12abc',
      '1e3',
      '0x10',
      ' 5 ',
      '5.0',
      '5.5',
      '',
      '010',
      '+5',
      '1_000',
      '1,000',
      'NaN',
      'Infinity',
      '99999999999999999999',
      '٥',
      'true',
      'null',
    ],
  },
  'auditTimeout.maxUpdatePerActivation': {
    expected: 'a whole number from 1 to 100000',
    right: ['1', '100000'],
    wrong: ['0', '100001', '1k'],
  },
  'auditTimeout.drainBacklog': { expected: 'true or false', right: ['true', 'false'], wrong: ['on', 'False'] },
  'http.host': {
    expected: HOST,
    right: ['localhost', '0.0.0.0', '::', 'fe80::1', 'my-host.example'],
    wrong: ['', '127.0.0.1:80', 'http://h', '999.1.1.1', 'a b', 'h/', '-a', 'a'.repeat(254)],
  },
  'http.port': { expected: 'a whole number from 0 to 65535', right: ['0', '65535'], wrong: ['-1', '65536', 'http'] },
  'log.level': {
    expected: LEVELS,
    right: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    wrong: ['', 'INFO', 'warning', '30'],
  },
  'log.format': { expected: 'one of json, pretty', right: ['json', 'pretty'], wrong: ['', 'text', 'JSON'] },
  'instance.name': {
    expected: TEXT,
    right: ['a', 'pod 7 (blue)', 'é'.repeat(255)],
    wrong: ['', '   ', 'a\0b', 'a\nb', 'x'.repeat(256)],
  },
  'shutdown.graceSeconds': {
    expected: 'a whole number from 1 to 600',
    right: ['1', '600'],
    wrong: ['0', '601', '25s'],
  },
};

/** As the message shows it: JSON cut to 100 characters, a URL not at all. */
function told(value: string): string {
  const json = JSON.stringify(value);
  return json.length > 100 ? `${json.slice(0, 99)}…` : json;
}

test('every key has cases', () => {
  expect(Object.keys(CASES)).toEqual(keys);
});

describe.each(Object.entries(CASES))('%s', (key, { expected, right, wrong }) => {
  if (!isKey(key)) throw new Error(`no such key: ${key}`);
  const variable = declarations[key].environment;

  test.each(right)('takes %j', (value) => {
    expect(problemsOf({ [variable]: value })).toEqual([]);
  });

  test.each(wrong)('refuses %j', (value) => {
    const end = /\s$/.test(value) ? 'ends with a line break or blank and ' : '';
    const shown = key === 'database.url' ? `a value that ${end}is not printed (it may hold a password)` : told(value);
    expect(problemsOf({ [variable]: value })).toEqual([`${key} (${variable}): expected ${expected}, got ${shown}`]);
  });
});

test('all problems are told at once, a line each, in the order of the keys', () => {
  const env = Object.fromEntries(keys.map((key) => [declarations[key].environment, CASES[key]?.wrong[0]]));
  const problems = problemsOf({ ...env, SEALOG_HTTP_PROT: '1' });
  expect(problems.map((problem) => problem.split(/[ :]/, 1)[0])).toEqual(['SEALOG_HTTP_PROT', ...keys]);
  expect(problems.join('')).not.toContain('\n');
  expect(problems).toContain(
    'auditTimeout.timeoutSeconds (SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS): expected a whole number from 1 to 31536000, got "4h"',
  );
});
