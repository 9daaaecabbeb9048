/**
 * For a service's own tests: calls every route that mutates, and fails on those that leave no entry in the audit log.
 * The handlers do run, so point the service and its audit log at a database of the test's.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditLog } from '../create-audit-log.ts';
import { SealogError } from '../errors.ts';
import { type DeclaredRoute, mutates, NO_ROUTE } from './route-rule.ts';
import type { AuditedService, Connection } from './testing/service.ts';

export { expressService } from './testing/express-service.ts';
export { fastifyService } from './testing/fastify-service.ts';
export { openApiService } from './testing/openapi-service.ts';
export type { AuditedService, Connection, TestRequest } from './testing/service.ts';

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
  /** By route, written `POST /disks/:id`. */
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

interface Call {
  readonly route: string;
  readonly marker: string;
  readonly allowed: boolean;
  readonly status: number;
}

/**
 * Calls every mutating route once. Returns their names (`POST /disks/:id`), or throws {@link AuditCoverageError}: a
 * route left no entry within `timeoutMs` and is not on the list of exceptions, or the list is out of date.
 *
 * An entry is known by its user agent, which every call has its own of.
 */
export async function checkAuditCoverage(options: AuditCoverageOptions): Promise<readonly string[]> {
  const { service, auditLog, allow = {}, timeoutMs = 5000 } = options;
  await using connection = await service.connect();
  const routes = uniqueMutating(connection.routes);
  const problems = [...connection.problems, ...namesOfNoRoute(routes, options)];
  if (routes.size === 0) problems.push('expected routes that mutate, got none');

  const callable = new Map(routes);
  for (const [name, { isRegExp }] of routes) {
    if (!isRegExp || options.examples?.[name]?.path !== undefined) continue;
    problems.push(`${name}: expected an example with a path, because none can be made of a regular expression`);
    callable.delete(name);
  }

  const { horizon } = await auditLog.list({ limit: 1 });
  const calls = await callEach(connection, callable, options);
  const found = await waitForEntries(auditLog, horizon, calls, timeoutMs);
  for (const { route, marker, allowed, status } of calls) {
    const operation = found.get(marker);
    if (operation?.endsWith(NO_ROUTE)) problems.push(`${route}: the call reached no route (answered ${status})`);
    else if (!allowed && operation === undefined) problems.push(`${route}: left no entry (answered ${status})`);
    else if (allowed && operation !== undefined)
      problems.push(`allow, ${route}: it does leave an entry, take it off the list`);
  }
  for (const [route, reason] of Object.entries(allow)) {
    if (typeof reason !== 'string' || reason.trim() === '') problems.push(`allow, ${route}: expected the reason why`);
  }
  if (problems.length > 0) throw new AuditCoverageError(problems);
  return [...routes.keys()];
}

function uniqueMutating(routes: readonly DeclaredRoute[]): ReadonlyMap<string, DeclaredRoute> {
  const mutating = routes.filter(({ method }) => mutates(method));
  return new Map(mutating.map((route) => [`${route.method} ${route.path}`, route]));
}

function namesOfNoRoute(routes: ReadonlyMap<string, unknown>, { allow = {}, examples = {} }: AuditCoverageOptions) {
  const known = [...routes.keys()].join(', ');
  return Object.entries({ allow, examples }).flatMap(([list, names]) =>
    Object.keys(names)
      .filter((name) => !routes.has(name))
      .map((name) => `${list}, ${name}: there is no such route, only ${known}`),
  );
}

async function callEach(
  connection: Connection,
  routes: ReadonlyMap<string, DeclaredRoute>,
  { allow = {}, examples = {}, headers = {} }: AuditCoverageOptions,
): Promise<Call[]> {
  const run = randomUUID();
  // Those that should leave none come first: what they leave is in the log before what is waited for.
  const names = [...routes].toSorted(([a], [b]) => Number(Object.hasOwn(allow, b)) - Number(Object.hasOwn(allow, a)));
  const calls: Call[] = [];
  for (const [name, route] of names) {
    const { path, params = {}, query = {}, body, ...example } = examples[name] ?? {};
    const marker = `sealog-coverage/${run}/${calls.length}`;
    const search = new URLSearchParams(query).toString();
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const status = await connection.send({
      method: route.method,
      url: (path ?? filledPath(route.path, params)) + (search && `?${search}`),
      headers: {
        ...(body !== undefined && !isRaw && { 'content-type': 'application/json' }),
        ...headers,
        ...example.headers,
        'user-agent': marker,
      },
      body: isRaw || body === undefined ? body : JSON.stringify(body),
    });
    calls.push({ route: name, marker, allowed: Object.hasOwn(allow, name), status });
  }
  return calls;
}

/** Parameters as Fastify (`:id`, `:id(^\\d+$)`, `*`), Express (`:id`, `*rest`) and OpenAPI (`{id}`) write them. */
function filledPath(path: string, params: Readonly<Record<string, string>>): string {
  return path.replaceAll(/:(\w+)(?:\([^)]*\))?|\{(\w+)\}|\*(\w*)/g, (_all, ...names: unknown[]) => {
    const name = names.slice(0, 3).find((part) => typeof part === 'string' && part !== '');
    return encodeURIComponent(params[typeof name === 'string' ? name : '*'] ?? '1');
  });
}

const POLL_MS = 50;

/** The operations that were recorded, by the user agents of the calls. */
async function waitForEntries(
  auditLog: AuditCoverageOptions['auditLog'],
  from: string,
  calls: readonly Call[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, string>> {
  const markers = new Set(calls.map(({ marker }) => marker));
  const missing = new Set(calls.filter(({ allowed }) => !allowed).map(({ marker }) => marker));
  const found = new Map<string, string>();
  const deadline = performance.now() + timeoutMs;
  for (let after: string | undefined; ; await delay(POLL_MS)) {
    const { entries, next } = await auditLog.list({ from, after, limit: 10_000 });
    for (const { userAgent, operationId } of entries) {
      if (userAgent === null || !markers.has(userAgent)) continue;
      found.set(userAgent, operationId);
      missing.delete(userAgent);
    }
    if (missing.size === 0 || performance.now() > deadline) return found;
    after = next;
  }
}
