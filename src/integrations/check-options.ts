import { validateHeaderName } from 'node:http';
import { InvalidArgumentError } from '../errors.ts';
import { anything, type Check, checkBoolean, checkFunction, checkEach, optional, withMethods } from './checks.ts';
import type { AuditOptions, RecordedParts } from './options.ts';

const checkNames: Check = (argument, value) => {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return;
  throw new InvalidArgumentError(argument, 'a list of names', value);
};

const PARTS = {
  query: optional(checkBoolean),
  body: optional(checkBoolean),
  redact: optional(checkNames),
} satisfies Record<keyof RecordedParts, Check>;

const checkRecord: Check = (argument, value) => checkEach(argument, value, PARTS, (key) => `${argument}.${key}`);

const checkHeaderName: Check = (argument, value) => {
  try {
    validateHeaderName(value as string);
  } catch {
    throw new InvalidArgumentError(argument, 'the name of an HTTP header', value);
  }
};

const OPTIONS = {
  auditLog: withMethods(['begin', 'complete'], 'what createAuditLog returned'),
  actor: checkFunction,
  tenant: optional(checkFunction),
  resource: optional(checkFunction),
  details: optional(checkFunction),
  errorMessage: optional(checkFunction),
  audited: optional(checkFunction),
  operationId: optional(checkFunction),
  record: optional(checkRecord),
  entryIdHeader: optional(checkHeaderName),
  logger: optional(withMethods(['debug', 'info', 'warn', 'error'], 'a logger with debug, info, warn and error')),
} satisfies Record<keyof AuditOptions<never, never>, Check>;

/**
 * Throws {@link InvalidArgumentError} at start-up for what would fail with every request, or be ignored. `others` are
 * keys that are the framework's own.
 */
export function checkOptions(options: object, others: readonly string[] = []): void {
  const checks = { ...OPTIONS, ...Object.fromEntries(others.map((key) => [key, anything])) };
  checkEach('options', options, checks);
}
