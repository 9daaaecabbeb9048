import type { MeterProvider } from '@opentelemetry/api';
import { checkKeys, InvalidArgumentError, notPrinted } from './errors.ts';
import type { Logger } from './logger.ts';
import { identifier, line, postgresUrl, type Rule, trueOrFalse, wholeNumber } from './rules.ts';
import type { DatabasePool } from './store/database.ts';

/** The database is a pool of your own (`pg.Pool` since 8.22; you end it), or a connection string for a pool of ours; not both. */
export type AuditLogOptions = (
  | { readonly pool: DatabasePool; readonly connectionString?: undefined }
  | { readonly connectionString: string; readonly pool?: undefined }
) & {
  /** PostgreSQL schema of the audit log. Default `sealog`. */
  readonly schema?: string;
  /** A pino logger or one of its shape. Default: JSON lines on stderr, from `warn` on. */
  readonly logger?: Logger;
  /** Names this process in the entries that it begins, in at most 255 characters. Default: host and pid. */
  readonly instanceId?: string;
  /** Most connections of the pool made for `connectionString`. 1 to 1000, default 10. */
  readonly poolMax?: number;
  /** How long `begin` may take, waiting for a connection included, in milliseconds: 1 to 600 000, default 2000. */
  readonly beginTimeoutMs?: number;
  /**
   * Whether each connection keeps the statements of `begin` and `complete` prepared, which spares the server the
   * planning of each. Not through a pooler of transactions that knows no prepared statements, as PgBouncer before 1.21.
   * Default false.
   */
  readonly preparedStatements?: boolean;
  /** Where refused, repeated, lost and late writes are counted. Default: OpenTelemetry's global one, as it is now. */
  readonly meterProvider?: MeterProvider;
};

/** What each option must be. Unlike a setting, which may come as text, an option must be of its type. */
const RULES: { readonly [Name in keyof AuditLogOptions]-?: Rule<unknown> } = {
  pool: having('a pg.Pool or what has its connect, end and options', ['connect', 'end'], ['options']),
  connectionString: postgresUrl(),
  schema: identifier(63),
  logger: having('a logger with debug, info, warn and error', ['debug', 'info', 'warn', 'error']),
  instanceId: line(255),
  poolMax: wholeNumber(1, 1000),
  beginTimeoutMs: wholeNumber(1, 600_000),
  preparedStatements: trueOrFalse(),
  meterProvider: having('a MeterProvider of OpenTelemetry', ['getMeter']),
};

/** Throws {@link InvalidArgumentError} for what would fail at the first call, or be ignored. */
export function checkAuditLogOptions(options: AuditLogOptions): void {
  if (typeof options !== 'object' || options === null) refuse('options', 'an object', options);
  checkKeys('options', options, Object.keys(RULES));
  for (const [name, value] of Object.entries(options)) {
    const { expected, parse } = RULES[name as keyof AuditLogOptions];
    if (value !== undefined && parse(value) !== value) refuse(name, expected, value);
  }
  const { pool, connectionString } = options as { readonly [Name in keyof AuditLogOptions]?: unknown };
  if (pool === undefined && connectionString === undefined) {
    refuse('connectionString', `${RULES.connectionString.expected}, unless a pool is given`, connectionString);
  }
  if (pool !== undefined && connectionString !== undefined) {
    refuse('pool', 'nothing, because a connectionString is given', pool);
  }
}

function having(expected: string, methods: readonly string[], objects: readonly string[] = []): Rule<object> {
  const holds = (raw: object): boolean =>
    methods.every((name) => typeof Reflect.get(raw, name) === 'function') &&
    // The options of a pool tell it from a client, which can connect and end as well.
    objects.every((name) => typeof Reflect.get(raw, name) === 'object');
  return { expected, parse: (raw) => (typeof raw === 'object' && raw !== null && holds(raw) ? raw : undefined) };
}

/** A connection string may stand in any place by mistake, and an object may hold a password too. */
function refuse(argument: string, expected: string, got: unknown): never {
  if (typeof got === 'object' && got !== null) {
    throw new InvalidArgumentError(argument, expected, undefined, `an object of class ${got.constructor?.name}`);
  }
  const place = argument === 'connectionString' || argument === 'pool';
  if (typeof got === 'string' && got !== '' && (place || /:\/\/.*@|password/is.test(got))) {
    throw new InvalidArgumentError(argument, expected, undefined, notPrinted(got));
  }
  throw new InvalidArgumentError(argument, expected, got);
}
