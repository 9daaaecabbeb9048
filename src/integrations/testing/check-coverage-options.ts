import { checkObject, InvalidArgumentError } from '../../errors.ts';
import { anything, type Check, checkEach, checkFunction, optional, withMethods } from '../checks.ts';
import type { AuditCoverageOptions, RouteExample } from './options.ts';

/** A header that is no text would be sent as `undefined`. */
export const checkHeaders: Check = (argument, value) => {
  checkObject(argument, value);
  for (const [name, text] of Object.entries(value as object)) {
    if (typeof text !== 'string') throw new InvalidArgumentError(`${argument}, ${name}`, 'text', typeof text);
  }
};

const EXAMPLE = {
  path: anything,
  params: optional(checkObject),
  query: optional(checkObject),
  headers: optional(checkHeaders),
  body: anything,
} satisfies Record<keyof RouteExample, Check>;

const checkExamples: Check = (argument, value) => {
  checkObject(argument, value);
  for (const [route, example] of Object.entries(value as object)) {
    const what = `${argument}, ${route}`;
    checkEach(what, example, EXAMPLE, (key) => `${what}: ${key}`);
  }
};

const checkMilliseconds: Check = (argument, value) => {
  // What is no number would be waited for without an end.
  if (typeof value === 'number' && value >= 0) return;
  throw new InvalidArgumentError(argument, 'a number of milliseconds', value);
};

const OPTIONS = {
  service: withMethods(['connect'], 'what fastifyService, expressService or openApiService returned'),
  auditLog: withMethods(['list'], 'what createAuditLog returned'),
  examples: optional(checkExamples),
  headers: optional(checkHeaders),
  login: optional(checkFunction),
  allow: optional(checkObject),
  anonymous: optional(checkObject),
  timeoutMs: optional(checkMilliseconds),
} satisfies Record<keyof AuditCoverageOptions, Check>;

/** Throws {@link InvalidArgumentError} before anything is called. */
export function checkCoverageOptions(options: AuditCoverageOptions): void {
  checkEach('options', options, OPTIONS);
}
