import { instanceName } from '../instance-name.ts';
import { host, identifier, line, oneOf, postgresUrl, trueOrFalse, wholeNumber, type Rule } from '../rules.ts';
import { fiveFieldCron, timeZone } from './schedule-rules.ts';
import type { Key, SettingValue } from './settings.ts';

/** One key: what it is for, where the environment may set it and what it admits. The defaults are in `config/`. */
export interface Declaration<T> {
  readonly doc: string;
  readonly environment: string;
  readonly rule: Rule<T>;
  /** Its value is never printed whole. */
  readonly secret?: true;
  /** What holds when no file and no variable sets it. A key without this must be in default.json. */
  readonly absent?: { readonly value: () => T; readonly origin: string };
}

/** Every key of sealog. The compiler holds it to `Settings`, a test holds docs/configuration.md to it. */
export const declarations: { readonly [K in Key]: Declaration<SettingValue<K>> } = {
  'database.url': {
    doc: 'The database that holds the audit log and the queue',
    environment: 'DATABASE_URL',
    rule: postgresUrl(),
    secret: true,
    absent: { value: () => undefined, origin: 'not set' },
  },
  'database.schema': {
    doc: 'The schema that holds the audit log',
    environment: 'SEALOG_DATABASE_SCHEMA',
    rule: identifier(63),
  },
  'database.poolMax': {
    doc: 'The most connections this process opens',
    environment: 'SEALOG_DATABASE_POOL_MAX',
    rule: wholeNumber(2, 100),
  },
  'queue.schema': {
    doc: 'The schema that holds the queue (pg-boss)',
    environment: 'SEALOG_QUEUE_SCHEMA',
    // pg-boss derives longer names from it and takes no more than 50.
    rule: identifier(50),
  },
  'queue.migrate': {
    doc: 'Whether a worker creates and upgrades the schema of the queue',
    environment: 'SEALOG_QUEUE_MIGRATE',
    rule: trueOrFalse(),
  },
  'auditTimeout.schedule': {
    doc: 'When stale entries are completed',
    environment: 'SEALOG_AUDIT_TIMEOUT_SCHEDULE',
    rule: fiveFieldCron(),
  },
  'auditTimeout.timezone': {
    doc: 'The time zone the schedule is read in',
    environment: 'SEALOG_AUDIT_TIMEOUT_TIMEZONE',
    rule: timeZone(),
  },
  'auditTimeout.timeoutSeconds': {
    doc: 'How old an incomplete entry must be to be completed as timed out',
    environment: 'SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS',
    rule: wholeNumber(1, 31_536_000),
  },
  'auditTimeout.maxUpdatePerActivation': {
    doc: 'The most entries one activation completes',
    environment: 'SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION',
    rule: wholeNumber(1, 100_000),
  },
  'auditTimeout.drainBacklog': {
    doc: 'Whether an activation that reached its limit is followed by another at once',
    environment: 'SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLOG',
    rule: trueOrFalse(),
  },
  'http.host': {
    doc: 'The address that health, readiness and metrics listen on',
    environment: 'SEALOG_HTTP_HOST',
    rule: host(),
  },
  'http.port': {
    doc: 'The port that health, readiness and metrics listen on, 0 for a free one',
    environment: 'SEALOG_HTTP_PORT',
    rule: wholeNumber(0, 65_535),
  },
  'log.level': {
    doc: 'The least important lines that are logged',
    environment: 'SEALOG_LOG_LEVEL',
    rule: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  },
  'log.format': {
    doc: 'How a line is written: json for machines, pretty for people',
    environment: 'SEALOG_LOG_FORMAT',
    rule: oneOf('json', 'pretty'),
  },
  'instance.name': {
    doc: 'The name of this replica in the fleet, in outcomes and in logs',
    environment: 'SEALOG_INSTANCE_NAME',
    rule: line(255),
    absent: { value: instanceName, origin: 'host and process id' },
  },
  'shutdown.graceSeconds': {
    doc: 'How long a stopping worker waits for its activation',
    environment: 'SEALOG_SHUTDOWN_GRACE_SECONDS',
    rule: wholeNumber(1, 600),
  },
};

export const keys: readonly Key[] = Object.keys(declarations).filter(isKey);

export function isKey(name: string): name is Key {
  return Object.hasOwn(declarations, name);
}
