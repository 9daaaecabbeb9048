import { expect, test } from '@jest/globals';
import type { Environment } from '../../src/config/environment.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { ConfigError } from '../../src/errors.ts';
import { instanceName } from '../../src/instance-name.ts';

function problemsOf(env: Environment): readonly string[] {
  try {
    loadSettings({ env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test('an empty DATABASE_URL is a mistake, not a request for the embedded database', () => {
  expect(problemsOf({ DATABASE_URL: '' })).toEqual([
    `database.url (DATABASE_URL): expected a postgres:// or postgresql:// URL with special characters percent-encoded, got ""`,
  ]);
});

test('production demands a database and says how to name it', () => {
  expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
    'database.url (DATABASE_URL): expected a postgres:// or postgresql:// URL when NODE_ENV is production, got nothing, ' +
      'set for example DATABASE_URL=postgres://user:password@host:5432/database',
  ]);
  expect(problemsOf({ NODE_ENV: 'production', DATABASE_URL: 'postgres://h/db' })).toEqual([]);
  // A bad URL is one problem, not two.
  expect(problemsOf({ NODE_ENV: 'production', DATABASE_URL: 'h' })).toHaveLength(1);
});

test('the queue and the audit log do not share a schema', () => {
  expect(problemsOf({ SEALOG_DATABASE_SCHEMA: 'one', SEALOG_QUEUE_SCHEMA: 'one' })).toEqual([
    'queue.schema (SEALOG_QUEUE_SCHEMA): expected another schema than database.schema, got "one"',
  ]);
  expect(problemsOf({ SEALOG_DATABASE_SCHEMA: 'pgboss' })).toHaveLength(1);
});

function warningsAt(seconds: string): readonly string[] {
  return loadSettings({ env: { SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: seconds } }).warnings;
}

test('a timeout below a minute is allowed with a warning', () => {
  expect(warningsAt('60')).toEqual([]);
  expect(warningsAt('59')).toEqual([
    'auditTimeout.timeoutSeconds (SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS): 59 is below 60, operations that are still running may be completed as timed out',
  ]);
});

test('the defaults are those of the design', () => {
  const { settings, origins, warnings } = loadSettings({ env: {} });
  expect(settings).toEqual({
    database: { url: undefined, schema: 'sealog', poolMax: 4 },
    queue: { schema: 'pgboss', migrate: true },
    auditTimeout: {
      schedule: '*/10 * * * *',
      timezone: 'UTC',
      timeoutSeconds: 14400,
      maxUpdatePerActivation: 1000,
      drainBacklog: true,
    },
    http: { host: '127.0.0.1', port: 9464 },
    log: { level: 'info', format: 'json' },
    instance: { name: instanceName() },
    shutdown: { graceSeconds: 25 },
  });
  expect(instanceName()).toMatch(new RegExp(`^.+:${process.pid}$`));
  expect(warnings).toEqual([]);
  expect(origins['http.port']).toBe('default.json');
  expect(origins['database.url']).toBe('not set');
  expect(origins['instance.name']).toBe('host and process id');
});

test('what comes back is frozen all the way down', () => {
  const loaded = loadSettings({ env: {} });
  for (const part of [loaded, ...Object.values(loaded), ...Object.values(loaded.settings)]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});
