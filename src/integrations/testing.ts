/**
 * For a service's own tests: calls every route that mutates, and fails on those that leave no entry in the audit log.
 * The handlers do run, so point the service and its audit log at a database of the test's.
 */
import type { AuditLog } from '../create-audit-log.ts';
import { SealogError } from '../errors.ts';
import { mutates, NO_ROUTE } from './route-rule.ts';
import { checkCoverageOptions } from './testing/check-coverage-options.ts';
import { callEach } from './testing/calls.ts';
import { recordedOperations } from './testing/recorded-operations.ts';
import type { AuditedService, CallableRoute } from './testing/service.ts';

export { expressService } from './testing/express-service.ts';
export { fastifyService } from './testing/fastify-service.ts';
export { openApiService } from './testing/openapi-service.ts';
export type { AuditedService, CallableRoute, Connection, TestRequest } from './testing/service.ts';

/** What to call a route with. Whatever is missing is made up: a handler that refuses it leaves an entry as well. */
export interface RouteExample {
  /** Instead of the route's own path, filled with `params`. */
  readonly path?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
}

export interface AuditCoverageOptions {
  /** What `fastifyService`, `expressService` or `openApiService` returns. */
  readonly service: AuditedService;
  /** On the database to which the service writes. */
  readonly auditLog: Pick<AuditLog, 'list'>;
  /** By route, written `POST /disks/:id`, in Fastify with its constraints: `POST /disks/:id {version: 2.0.0}`. */
  readonly examples?: Readonly<Record<string, RouteExample>>;
  /** Sent with every request, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Routes that leave no entry, each with the reason why. One that does leave one is a failure, too. */
  readonly allow?: Readonly<Record<string, string>>;
  /** How long to wait for entries after the last call. Default 5000. */
  readonly timeoutMs?: number;
}

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
 * Calls every mutating route once. Returns their names (`POST /disks/:id`), or throws {@link AuditCoverageError}: a
 * route left no entry of its own within `timeoutMs` and is not on the list of exceptions, or the list is out of date.
 *
 * An entry is known by its user agent, which every call has its own of.
 */
export async function checkAuditCoverage(options: AuditCoverageOptions): Promise<readonly string[]> {
  checkCoverageOptions(options);
  const { service, auditLog, allow = {}, timeoutMs = 5000 } = options;
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
  const operations = await recordedOperations(auditLog, horizon, calls, timeoutMs);
  for (const { route, marker, isAllowed, status } of calls) {
    const operation = operations.get(marker);
    const answered = `(answered ${status})`;
    if (operation === undefined) {
      if (!isAllowed) problems.push(`${route.name}: left no entry ${answered}`);
    } else if (operation.endsWith(NO_ROUTE)) problems.push(`${route.name}: the call reached no route ${answered}`);
    else if (isOfAnother(operation, route, routes)) {
      problems.push(`${route.name}: the call left an entry of another route, ${operation} ${answered}`);
    } else if (isAllowed) problems.push(`allow, ${route.name}: it does leave an entry, take it off the list`);
  }
  for (const [route, reason] of Object.entries(allow)) {
    if (typeof reason !== 'string' || reason.trim() === '') problems.push(`allow, ${route}: expected the reason why`);
  }
  if (problems.length > 0) throw new AuditCoverageError(problems);
  return [...routes.keys()];
}

/** What is called by a name that no route has may be of the service's own rule for names. */
function isOfAnother(operation: string, own: CallableRoute, routes: ReadonlyMap<string, CallableRoute>): boolean {
  return (
    !own.operations.includes(operation) && [...routes.values()].some((route) => route.operations.includes(operation))
  );
}

function namesOfNoRoute(routes: ReadonlyMap<string, unknown>, { allow = {}, examples = {} }: AuditCoverageOptions) {
  const known = [...routes.keys()].join(', ');
  return Object.entries({ allow, examples }).flatMap(([list, names]) =>
    Object.keys(names)
      .filter((name) => !routes.has(name))
      .map((name) => `${list}, ${name}: there is no such route, only ${known}`),
  );
}
