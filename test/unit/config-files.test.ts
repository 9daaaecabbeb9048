import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { keys } from '../../src/config/declarations.ts';
import type { Environment } from '../../src/config/environment.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import type { Settings } from '../../src/config/settings.ts';
import { ConfigError } from '../../src/errors.ts';

const REPOSITORY_CONFIG = new URL('../../config/', import.meta.url);
const DEFAULTS = readFileSync(new URL('default.json', REPOSITORY_CONFIG), 'utf8');

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealog-config-'));
  write('default.json', DEFAULTS);
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function write(name: string, content: string): string {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
}

function problemsOf(env: Environment): readonly string[] {
  try {
    loadSettings({ env, directory });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

function problemsWith(content: string): readonly string[] {
  return problemsOf({ SEALOG_CONFIG: write('more.json', content) });
}

function repositorySettings(NODE_ENV: string): Settings {
  return loadSettings({ env: { NODE_ENV, DATABASE_URL: 'postgres://h/db' } }).settings;
}

test.each(readdirSync(REPOSITORY_CONFIG))('config/%s loads without problems', (name) => {
  const env = { NODE_ENV: name.replace('.json', ''), DATABASE_URL: 'postgres://h/db' };
  const { origins, warnings } = loadSettings({ env });
  expect(Object.values(origins)).toContain(name);
  expect(warnings).toEqual([]);
});

test('default.json has every key but the two that it cannot know', () => {
  const { origins } = loadSettings({ env: {} });
  expect(keys.filter((key) => origins[key] !== 'default.json')).toEqual(['database.url', 'instance.name']);
});

test('each layer wins over the one before it, key by key', () => {
  write('default.json', DEFAULTS);
  write('staging.json', '{ "http": { "port": 1, "host": "staging" }, "log": { "level": "warn" } }');
  const SEALOG_CONFIG = write('more.json', '{ "http": { "port": 2 }, "log": { "level": "error" } }');
  const env = { NODE_ENV: 'staging', SEALOG_CONFIG, SEALOG_LOG_LEVEL: 'fatal' };
  const { settings, origins } = loadSettings({ env, directory });
  expect(settings.http).toEqual({ port: 2, host: 'staging' });
  expect(settings.log).toEqual({ level: 'fatal', format: 'json' });
  expect(origins).toMatchObject({
    'http.port': SEALOG_CONFIG,
    'http.host': 'staging.json',
    'log.level': 'environment SEALOG_LOG_LEVEL',
    'log.format': 'default.json',
  });
});

test('a wrong value that a later layer replaces does no harm', () => {
  write('staging.json', '{ "http": { "port": "much" } }');
  expect(problemsOf({ NODE_ENV: 'staging' })).toHaveLength(1);
  expect(problemsOf({ NODE_ENV: 'staging', SEALOG_HTTP_PORT: '1' })).toEqual([]);
});

test.each(['nowhere', '', '..', '../outside', 'default'])('NODE_ENV %j picks no second file', (NODE_ENV) => {
  mkdirSync(join(directory, 'inside'));
  write('outside.json', '{ "http": { "port": 1 } }');
  write('inside/default.json', DEFAULTS);
  const { settings } = loadSettings({ env: { NODE_ENV }, directory: join(directory, 'inside') });
  expect(settings.http.port).toBe(9464);
});

test('production.json and test.json set what they should, and nothing is open to the network by default', () => {
  const { http, log } = repositorySettings('production');
  expect(log.format).toBe('json');
  expect(http).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(repositorySettings('test').http).toEqual({ host: '127.0.0.1', port: 0 });
});

test.each([
  ['"9464"', 9464],
  ['5.0', 5],
])('a port written %s in a file is a whole number', (json, port) => {
  const SEALOG_CONFIG = write('more.json', `{ "http": { "port": ${json} } }`);
  expect(loadSettings({ env: { SEALOG_CONFIG }, directory }).settings.http.port).toBe(port);
});

test.each([
  ['12.5', '12.5'],
  ['-1', '-1'],
  ['65536', '65536'],
  ['1e9', '1000000000'],
  ['true', 'true'],
  ['null', 'null'],
  ['"12abc"', '"12abc"'],
  ['""', '""'],
  ['[1]', 'an array'],
  ['{ "a": { "b": { "c": 1 } } }', 'an object'],
  ['{}', 'an object'],
])('a port written %s in a file is a problem', (json, shown) => {
  expect(problemsWith(`{ "http": { "port": ${json} } }`)).toEqual([
    `http.port (SEALOG_HTTP_PORT): expected a whole number from 0 to 65535, got ${shown}, in ${join(directory, 'more.json')}`,
  ]);
});

test.each(['0', '1', '"yes"', 'null', '""', '[]'])('a boolean written %s in a file is a problem', (json) => {
  expect(problemsWith(`{ "queue": { "migrate": ${json} } }`)).toHaveLength(1);
});

test('unknown keys are told with the one that was meant', () => {
  expect(
    problemsWith(`{
      "auditTimeout": { "maxUpdatePerActvation": 1, "timeout_seconds": 5, "colour": "red" },
      "auditTimeot": { "schedule": "* * * * *" },
      "sweep": { "every": 1 }, "colour": "red", "empty": {},
      "http.port": 1,
      "log": "debug", "http": null, "queue": ["pgboss"],
      "a\\nb": { "c": 1 }
    }`),
  ).toEqual([
    'auditTimeout.maxUpdatePerActvation: unknown key, did you mean auditTimeout.maxUpdatePerActivation?',
    'auditTimeout.timeout_seconds: unknown key, did you mean auditTimeout.timeoutSeconds?',
    'auditTimeout.colour: unknown key',
    'auditTimeot.schedule: unknown key, did you mean auditTimeout.schedule?',
    'sweep.every: unknown key',
    'colour: unknown key',
    'empty: unknown key',
    'http.port: expected nested objects, { "http": { "port": … } }, got a key with a dot in it',
    'log: expected an object with the keys of this group, got a string',
    'http: expected an object with the keys of this group, got null',
    'queue: expected an object with the keys of this group, got an array',
    '"a\\nb.c": unknown key',
  ]);
});

test('keys that would reach a prototype are unknown keys and reach nothing', () => {
  const evil = '{ "prototype": { "polluted": true }, "polluted": true }';
  const problems = problemsWith(
    `{ "__proto__": ${evil}, "constructor": ${evil}, "toString": 1, "http": { "__proto__": ${evil}, "constructor": 1 } }`,
  );
  expect(problems).toEqual([
    '__proto__.prototype: unknown key',
    '__proto__.polluted: unknown key',
    'constructor.prototype: unknown key',
    'constructor.polluted: unknown key',
    'toString: unknown key',
    'http.__proto__: unknown key',
    'http.constructor: unknown key',
  ]);
  expect({}).not.toHaveProperty('polluted');
});

test('a file that cannot be used is one problem among the others', () => {
  const missing = join(directory, 'missing.json');
  expect(problemsOf({ SEALOG_CONFIG: missing, SEALOG_HTTP_PORT: 'x' })).toEqual([
    expect.stringMatching(
      /^SEALOG_CONFIG: expected a JSON file with an object in it, got ".*" \(cannot be read: ENOENT\)$/,
    ),
    'http.port (SEALOG_HTTP_PORT): expected a whole number from 0 to 65535, got "x"',
  ]);
  expect(problemsOf({ SEALOG_CONFIG: directory })[0]).toMatch(/\(cannot be read: EISDIR\)$/);
  expect(problemsOf({ SEALOG_CONFIG: '' })).toEqual([
    'SEALOG_CONFIG: expected a JSON file with an object in it, got "" (cannot be read: ENOENT)',
  ]);
  write('broken.json', '{,}');
  expect(problemsOf({ NODE_ENV: 'broken' })).toEqual([
    'broken.json: expected a JSON file with an object in it, got "broken.json" (not valid JSON at position 1)',
  ]);
});

test.each([
  ['[]', 'holds an array'],
  ['null', 'holds null'],
  ['"text"', 'holds a string'],
  ['7', 'holds a number'],
  ['', 'not valid JSON'],
  ['{ "a": 1 "b": 2 }', 'not valid JSON at position 9'],
])('a file with %s in it is a problem', (content, why) => {
  expect(problemsWith(content)).toEqual([expect.stringContaining(`(${why})`)]);
});

test('a folder without default.json tells what is missing', () => {
  rmSync(join(directory, 'default.json'));
  const problems = problemsOf({});
  expect(problems[0]).toContain('default.json: expected a JSON file');
  expect(problems).toHaveLength(keys.length - 1);
  expect(problems).toContain('log.format (SEALOG_LOG_FORMAT): expected one of json, pretty, got nothing');
});
