import { InvalidArgumentError } from '../errors.ts';

/** A route as the service declares it. */
export interface Route {
  /** In capitals, e.g. `POST`. */
  readonly method: string;
  /** As it is declared, e.g. `/disks/:id`. */
  readonly path: string;
}

/** What one route says of its audit: the name of its operation, or why it is left out. */
export type RouteAudit =
  | { readonly operationId: string; readonly skip?: undefined }
  /** The reason, for whoever reviews the service: `health probe, changes nothing`. */
  | { readonly skip: string; readonly operationId?: undefined };

/** How a service says which routes are audited, and as what. */
export interface RouteRules {
  /** Default: all methods but GET, HEAD, OPTIONS, TRACE and QUERY. What a route says of itself comes first. */
  readonly audited?: ((route: Route) => boolean) | undefined;
  /** Name of the operation of a route that does not give it itself. Default: `POST /disks/:id`. */
  readonly operationId?: ((route: Route) => string) | undefined;
}

// By their definitions (RFC 9110 and the QUERY method) they change nothing. Whatever is not known may.
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);

/** What a service answers when it has too much to do: such an answer leaves no entry if nothing has begun one. */
export const SHED: ReadonlySet<number> = new Set([429, 503]);

/** The path of what no route is found for. */
export const NO_ROUTE = '(no route)';

/** The routes by which requests are audited, for the proof of coverage: of Fastify's raw ones and of Express's. */
export const foundRoutes: WeakMap<object, Route> = new WeakMap<object, Route>();

/** The requests of Express whose entry was begun before anything behind the middleware ran, for the proof of coverage. */
export const begunRequests: WeakSet<object> = new WeakSet<object>();

export function mutates(method: string): boolean {
  return !SAFE.has(method);
}

/** The name of the operation to audit; undefined where the route is not audited. */
export function operationOf(
  route: Route,
  audit: RouteAudit | undefined,
  { audited = ({ method }) => mutates(method), operationId = ({ method, path }) => `${method} ${path}` }: RouteRules,
): string | undefined {
  if (audit !== undefined) checkRouteAudit(audit, `${route.method} ${route.path}: audit`);
  if (audit?.skip !== undefined) return undefined;
  if (audit?.operationId === undefined && !audited(route)) return undefined;
  return checkName(audit?.operationId ?? operationId(route), `${route.method} ${route.path}: operationId`);
}

/** Throws {@link InvalidArgumentError} unless a route names its operation, or says why it is left out. */
export function checkRouteAudit(audit: RouteAudit, what: string): void {
  const { skip, operationId }: { skip?: unknown; operationId?: unknown } = Object(audit);
  if (skip !== undefined) {
    if (operationId !== undefined) throw new InvalidArgumentError(what, 'operationId or skip, not both', audit);
    if (typeof skip !== 'string' || skip.trim() === '') {
      throw new InvalidArgumentError(`${what}.skip`, 'the reason, as non-empty text', skip);
    }
  } else checkName(operationId, `${what}.operationId`);
}

function checkName(name: unknown, what: string): string {
  if (typeof name !== 'string' || name === '' || Array.from(name).length > 512) {
    throw new InvalidArgumentError(what, 'text of 1 to 512 characters', name);
  }
  return name;
}
