/**
 * For a service's own tests: calls every route that mutates, and fails on those that leave no entry in the audit log.
 * The handlers do run, so point the service and its audit log at a database of the test's.
 */
import { SealogError } from '../errors.ts';
import { mutates } from './route-rule.ts';
import { callEach } from './testing/calls.ts';
import { checkCoverageOptions } from './testing/check-coverage-options.ts';
import type { AuditCoverage, AuditCoverageOptions } from './testing/options.ts';
import { isSuccess, problemsOfCall } from './testing/problems-of-call.ts';
import { recordedEntries } from './testing/recorded-entries.ts';

export { expressService } from './testing/express-service.ts';
export { fastifyService } from './testing/fastify-service.ts';
export { openApiService } from './testing/openapi-service.ts';
export type {
  AuditCoverage,
  AuditCoverageOptions,
  CoveredRoute,
  LoginAnswer,
  LoginRequest,
  RouteExample,
} from './testing/options.ts';
export type { Answer, AuditedService, CallableRoute, Connection, TestRequest } from './testing/service.ts';

/** Routes that are not audited, and exceptions and examples that fit no route. Every problem is listed, one line each. */
export class AuditCoverageError extends SealogError {
  override readonly name = 'AuditCoverageError';
  readonly code = 'SEALOG_AUDIT_COVERAGE';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`audit coverage:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Calls every mutating route once. Returns what was called, or throws {@link AuditCoverageError}: a route did not leave
 * one entry of its own within `timeoutMs` and is not on the list of exceptions, a call succeeded by an anonymous actor
 * where none is expected, or a list is out of date.
 *
 * An entry is known by its user agent, which every call has its own of.
 */
export async function checkAuditCoverage(options: AuditCoverageOptions): Promise<AuditCoverage> {
  checkCoverageOptions(options);
  const { service, auditLog, timeoutMs = 5000 } = options;
  await using connection = await service.connect();
  const routes = new Map(
    connection.routes.filter(({ method }) => mutates(method)).map((route) => [route.name, route] as const),
  );
  const problems = [...connection.problems, ...namesOfNoRoute(routes, options)];
  if (routes.size === 0) problems.push('expected routes that mutate, got none');

  const callable = new Map(routes);
  for (const [name, { needs }] of routes) {
    if (needs === undefined || options.examples?.[name]?.[needs.part] !== undefined) continue;
    problems.push(`${name}: expected \`${needs.part}\` in its example, because none can be made of ${needs.because}`);
    callable.delete(name);
  }

  const { horizon } = await auditLog.list({ limit: 1 });
  const calls = await callEach(connection, callable, options);
  const entries = await recordedEntries(auditLog, horizon, calls, timeoutMs);
  problems.push(...calls.flatMap((call) => problemsOfCall(call, entries.get(call.marker) ?? [], routes, options)));
  problems.push(...missingReasons(options));
  if (problems.length > 0) throw new AuditCoverageError(problems);

  const reached = calls.map(({ reachedHandler }) => reachedHandler);
  return {
    routes: [...routes.keys()].map((name) => {
      const { status, reachedHandler } = calls.find(({ route }) => route.name === name)!;
      return { name, status, reachedHandler };
    }),
    reachedHandler: reached.includes(undefined) ? undefined : reached.filter(Boolean).length,
    succeeded: calls.filter(({ status }) => isSuccess(status)).length,
  };
}

function missingReasons({ allow = {}, anonymous = {} }: AuditCoverageOptions): string[] {
  return Object.entries({ allow, anonymous }).flatMap(([list, reasons]) =>
    Object.entries(reasons)
      .filter(([, reason]) => typeof reason !== 'string' || reason.trim() === '')
      .map(([name]) => `${list}, ${name}: expected the reason why`),
  );
}

function namesOfNoRoute(
  routes: ReadonlyMap<string, unknown>,
  { allow = {}, anonymous = {}, examples = {} }: AuditCoverageOptions,
): string[] {
  const known = [...routes.keys()].join(', ');
  return Object.entries({ allow, anonymous, examples }).flatMap(([list, names]) =>
    Object.keys(names)
      .filter((name) => !routes.has(name))
      .map((name) => `${list}, ${name}: there is no such route, only ${known}`),
  );
}
