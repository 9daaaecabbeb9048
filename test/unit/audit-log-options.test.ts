import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { type AuditLogOptions, createAuditLog, InvalidArgumentError } from '../../src/index.ts';

const connectionString = 'postgres://u:hunter2@db/app';
const URL_RULE = 'a postgres:// or postgresql:// URL with special characters percent-encoded';
const HIDDEN = 'a value that is not printed (it may hold a password)';
const POOL = 'a pg.Pool or what has its connect, end and options';
const NAME =
  '1 to 63 lower-case letters, digits or underscores that start with a letter or underscore, not with pg_, and are no keyword of SQL such as order';

function refusalOf(options: unknown): InvalidArgumentError {
  try {
    createAuditLog(options as AuditLogOptions);
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('what could not work is refused before the first call', () => {
  test.each<[unknown, string]>([
    [{}, `connectionString: expected ${URL_RULE}, unless a pool is given, got undefined`],
    [{ connectionString: '' }, `connectionString: expected ${URL_RULE}, got ""`],
    [{ connectionString: 'foo bar' }, `connectionString: expected ${URL_RULE}, got ${HIDDEN}`],
    [{ connectionString: 5 }, `connectionString: expected ${URL_RULE}, got 5`],
    [{ pool: null }, `pool: expected ${POOL}, got null`],
    [{ pool: new pg.Client({ connectionString }) }, `pool: expected ${POOL}, got an object of class Client`],
    [{ pool: new pg.Pool(), connectionString }, 'pool: expected nothing, because a connectionString is given, got an'],
    ...[5, '', 'a"b', 'Audit', null].map((schema): [unknown, string] => [
      { connectionString, schema },
      `schema: expected ${NAME}, got ${JSON.stringify(schema)}`,
    ]),
    ...[-1, 0, 1.5, 'x', '10', Number.NaN].map((poolMax): [unknown, string] => [
      { connectionString, poolMax },
      `poolMax: expected a whole number from 1 to 1000, got ${typeof poolMax === 'string' ? `"${poolMax}"` : poolMax}`,
    ]),
    [
      { connectionString, meterProvider: {} },
      'meterProvider: expected a MeterProvider of OpenTelemetry, got an object',
    ],
    [{ connectionString, logger: console.log }, 'logger: expected a logger with debug, info, warn and error, got'],
    [{ connectionString, logger: { info() {} } }, 'logger: expected a logger with debug, info, warn and error, got'],
    [{ connectionString, instanceId: '' }, 'instanceId: expected 1 to 255 characters without line breaks or other'],
    [{ connectionString, preparedStatements: 'true' }, 'preparedStatements: expected true or false, got "true"'],
    [
      { connectionString, poolmax: 5 },
      'options: expected only the keys pool, connectionString, schema, logger, instanceId, p',
    ],
    [null, 'options: expected an object, got null'],
  ])('%#: %p', (options, message) => {
    expect(refusalOf(options).message).toContain(message);
  });
});

test.each<[string, unknown]>([
  ['of words', { connectionString: 'host=db password=hunter2' }],
  ['of another database', { connectionString: 'mysql://u:hunter2@db/app' }],
  ['with a blank', { connectionString: `${connectionString} ` }],
  ['as the pool', { pool: 'host=db password=hunter2' }],
  ['of an object', { connectionString: { password: 'hunter2' } }],
  ['instead of options', connectionString],
  ['of a pool beside another', { pool: new pg.Pool({ connectionString }), connectionString }],
  ['in another option', { connectionString, schema: connectionString }],
])('a password is not shown, neither in the message nor beside it: %s', (_what, options) => {
  const { message, got } = refusalOf(options);
  expect(JSON.stringify({ message, got })).not.toContain('hunter2');
});

test('an unknown option is named', () => {
  expect(refusalOf({ connectionString, poolmax: 5 }).message).toMatch(/, got "poolmax"$/);
});

test('an option that is undefined is one that is not given', () => {
  const options = { connectionString, pool: undefined, schema: undefined, poolMax: undefined, logger: undefined };
  expect(() => createAuditLog(options as unknown as AuditLogOptions)).not.toThrow();
  expect(() => createAuditLog({ connectionString: undefined, pool: new pg.Pool() })).not.toThrow();
});
