import type { RequestHandler } from 'express';
import { InvalidArgumentError } from '../errors.ts';
import { checkRouteAudit, type DeclaredRoute, type Route, type RouteAudit } from './route-rule.ts';

/** What Express keeps of a `use`, of a route, and of each handler in a route. */
export interface Layer {
  readonly name: string;
  readonly handle: { readonly stack?: readonly Layer[] };
  /** As it was declared; several are a list. */
  readonly rawPath?: unknown;
  readonly slash?: boolean;
  readonly method?: string;
  readonly route?: { readonly methods: Readonly<Record<string, boolean>>; readonly stack: readonly Layer[] };
  match(path: string): false | Match;
}

interface Match {
  /** The part of the path that it took. */
  readonly path: string;
  /** As it was declared: of several, the one that matched. */
  readonly pattern: unknown;
}

export interface FoundRoute extends Route {
  readonly audit: RouteAudit | undefined;
}

interface MatchingRoute extends FoundRoute {
  /** How many it is for: `app.all` is told from a handler by that. */
  readonly methods: number;
}

const audits = new WeakMap<object, RouteAudit>();
const pass: RequestHandler = (_request, _response, next) => next();

/**
 * Names the operation of a route, or says why it is not audited: `app.post('/disks', auditRoute({ operationId:
 * 'disk_create' }), handler)`.
 */
export function auditRoute(audit: RouteAudit): RequestHandler {
  checkRouteAudit(audit, 'auditRoute');
  const handler = pass.bind(undefined);
  audits.set(handler, audit);
  return handler;
}

/**
 * The route that names such a request. Any that matches may only call `next()`, so all are looked at: the first that is
 * named by `auditRoute` counts; else the first of those for the fewest methods. Those that skip count only if all do.
 */
export function findRoute(stack: readonly Layer[], method: string, path: string, prefix = ''): FoundRoute | undefined {
  const found = matchingRoutes(stack, method, path, prefix);
  const named = found.find(({ audit }) => audit?.operationId !== undefined);
  if (named) return named;
  const plain = found.filter(({ audit }) => audit === undefined);
  const fewest = Math.min(...plain.map(({ methods }) => methods));
  return plain.find(({ methods }) => methods === fewest) ?? found[0];
}

function matchingRoutes(stack: readonly Layer[], method: string, path: string, prefix: string): MatchingRoute[] {
  const found: MatchingRoute[] = [];
  for (const layer of stack) {
    const { route, handle } = layer;
    if (!route && !handle.stack) continue;
    const match = matchOf(layer, path);
    if (!match) continue;
    const pattern = prefix + (layer.slash ? '' : String(match.pattern));
    if (route) {
      const taken = takenAs(route.methods, method);
      const methods = route.methods['_all'] === true ? Infinity : Object.keys(route.methods).length;
      if (taken) found.push({ method, path: pattern, audit: auditOf(route.stack, taken), methods });
    } else if (handle.stack) {
      found.push(...matchingRoutes(handle.stack, method, path.slice(match.path.length) || '/', pattern));
    }
  }
  return found;
}

/** Every route that can be seen, and the paths of applications that are mounted, into which nobody can see. */
export function eachRoute(
  stack: readonly Layer[],
  prefix = '',
  withinRegExp = false,
): { routes: DeclaredRoute[]; mounted: string[] } {
  const routes: DeclaredRoute[] = [];
  const mounted: string[] = [];
  for (const { name, handle, rawPath, slash, route } of stack) {
    for (const pattern of slash ? [''] : [rawPath].flat()) {
      const path = prefix + String(pattern);
      const isRegExp = withinRegExp || typeof pattern !== 'string';
      if (route) routes.push(...methodsOf(route.methods).map((method) => ({ method, path, isRegExp })));
      else if (name === 'mounted_app') mounted.push(path);
      else if (handle.stack) {
        const within = eachRoute(handle.stack, path, isRegExp);
        routes.push(...within.routes);
        mounted.push(...within.mounted);
      }
    }
  }
  return { routes, mounted };
}

/** A route for all methods is told as one for POST. */
function methodsOf(methods: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(methods).map((name) => (name === '_all' ? 'POST' : name.toUpperCase()));
}

function matchOf(layer: Layer, path: string): Match | false {
  if (layer.rawPath === undefined) throw new InvalidArgumentError('router', 'version 2.3 or later', 'an earlier one');
  try {
    return layer.match(path);
  } catch {
    // An escape that is none, `%zz`: the router answers that it is a bad request.
    return false;
  }
}

/** The method whose handlers run: those of GET answer HEAD where none are for it. Undefined if there are none. */
function takenAs(methods: Readonly<Record<string, boolean>>, method: string): string | undefined {
  const own = method.toLowerCase();
  if (methods[own] === true) return own;
  if (own === 'head' && methods['get'] === true) return 'get';
  return methods['_all'] === true ? own : undefined;
}

function auditOf(stack: readonly Layer[], method: string): RouteAudit | undefined {
  const own = stack.filter((layer) => layer.method === undefined || layer.method === method.toLowerCase());
  return own.map(({ handle }) => audits.get(handle)).find((audit) => audit !== undefined);
}
