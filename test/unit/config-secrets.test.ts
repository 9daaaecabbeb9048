import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { formatSettings } from '../../src/cli/format-settings.ts';
import { describeSettings, maskUrl } from '../../src/config/describe-settings.ts';
import { loadSettings } from '../../src/config/load-settings.ts';

const CANARY = 'hunter2';

function refusalOf(env: Record<string, string>): string {
  try {
    loadSettings({ env });
  } catch (error) {
    return error instanceof Error ? `${error.message}\n${error.stack}\n${JSON.stringify(error)}` : String(error);
  }
  throw new Error('nothing was refused');
}

test.each([
  { DATABASE_URL: `mysql://u:${CANARY}@h/db` },
  { DATABASE_URL: `postgres://u:${CANARY}#1@h/db` },
  { DATABASE_URL: `postgres://u:1#${CANARY}@h/db` },
  { DATABASE_URL: `${CANARY} ` },
  { SEALOG_DATABASE_URL: `postgres://u:${CANARY}@h/db` },
  { SEALOG_HTTP_HOST: `postgres://u:${CANARY}@h/db` },
  { SEALOG_CONFIG: `postgres://u:${CANARY}@h/db` },
])('a refusal of %j does not print the password', (env) => {
  expect(refusalOf(env)).not.toContain(CANARY);
});

test('what a file of a secret has behind its URL is named', () => {
  const url = `postgres://u:${CANARY}@h/db`;
  for (const end of ['\n', '\r\n', ' ']) {
    expect(refusalOf({ DATABASE_URL: `${url}${end}` })).toContain(
      'got a value that ends with a line break or blank and ',
    );
  }
  expect(refusalOf({ DATABASE_URL: `my${url}` })).toContain('got a value that is not printed (');
});

test.each([
  `{ "database": "postgres://u:${CANARY}@h/db" }`,
  `{ "database": { "url": "mysql://u:${CANARY}@h/db" } }`,
  `{ "database": { "url": ["postgres://u:${CANARY}@h/db"] } }`,
  `{ "database": { "url": { "password": "${CANARY}" } } }`,
  `{ "database": { "ulr": "postgres://u:${CANARY}@h/db" } }`,
  `{ "url": "postgres://u:${CANARY}@h/db" }`,
  `"postgres://u:${CANARY}@h/db"`,
  CANARY,
  `{ "database": ${CANARY} }`,
])('a refusal of a file with %s does not print the password', (content) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealog-config-'));
  try {
    const SEALOG_CONFIG = join(directory, 'more.json');
    writeFileSync(SEALOG_CONFIG, content);
    expect(refusalOf({ SEALOG_CONFIG })).not.toContain(CANARY);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([
  [`postgres://user:${CANARY}@host:5432/db`, 'postgres://user:***@host:5432/db'],
  ['postgres://user@host/db', 'postgres://user@host/db'],
  [
    `postgresql:///db?host=/run&password=${CANARY}&sslpassword=${CANARY}&sslmode=require`,
    'postgresql:///db?host=%2Frun&password=***&sslpassword=***&sslmode=require',
  ],
  [`postgres://h/db?PASSWORD=${CANARY}&pass%77ord=${CANARY}`, 'postgres://h/db?PASSWORD=***&password=***'],
  [`postgres://user:1#${CANARY}@host/db`, '***'],
  [`postgres://user:1?${CANARY}@host/db`, '***'],
  [`host=h password=${CANARY}`, '***'],
])('%s is shown as %s', (url, shown) => {
  expect(maskUrl(url)).toBe(shown);
});

test('every setting is described with its origin and without passwords', () => {
  const env = { DATABASE_URL: `postgres://user:${CANARY}@host:5432/db`, SEALOG_INSTANCE_NAME: 'blue-1' };
  const rows = describeSettings(loadSettings({ env }));
  expect(rows[0]).toEqual({
    key: 'database.url',
    value: 'postgres://user:***@host:5432/db',
    origin: 'environment DATABASE_URL',
    environment: 'DATABASE_URL',
    doc: expect.stringMatching(/\w+/),
  });
  expect(rows.find(({ key }) => key === 'queue.migrate')).toMatchObject({ value: true, origin: 'default.json' });
  expect(JSON.stringify(rows) + formatSettings(rows)).not.toContain(CANARY);
});

test('a setting without a value is null', () => {
  expect(describeSettings(loadSettings({ env: {} }))[0]).toMatchObject({ value: null, origin: 'not set' });
});

test('the table is aligned', () => {
  const rows = describeSettings(loadSettings({ env: { SEALOG_INSTANCE_NAME: 'blue-1' } }));
  const shown = formatSettings(rows.filter(({ key }) => ['database.url', 'http.port', 'instance.name'].includes(key)));
  expect(shown).toBe(
    [
      'key            value   from                              variable',
      'database.url   -       not set                           DATABASE_URL',
      'http.port      9464    default.json                      SEALOG_HTTP_PORT',
      'instance.name  blue-1  environment SEALOG_INSTANCE_NAME  SEALOG_INSTANCE_NAME',
    ].join('\n'),
  );
});
