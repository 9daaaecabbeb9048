import type { RequestHandler } from 'express';
import { InvalidArgumentError } from '../errors.ts';
import { watchNamed } from './express-state.ts';
import { checkRouteAudit, type Route, type RouteAudit } from './route-rule.ts';

/** What Express keeps of a `use`, of a route, and of each handler in a route. */
export interface Layer {
  readonly name: string;
  readonly handle: { readonly length: number; readonly stack?: unknown };
  /** As it was declared; several are a list. */
  readonly rawPath?: unknown;
  readonly slash?: boolean;
  readonly method?: string;
  readonly route?: { readonly methods: Readonly<Record<string, boolean>>; readonly stack: readonly Layer[] };
  match(path: string): false | Match;
}

export interface Match {
  /** The part of the path that it took. */
  readonly path: string;
  /** As it was declared: of several, the one that matched. Nothing for `/`. */
  readonly pattern: unknown;
}

export interface FoundRoute extends Route {
  readonly audit: RouteAudit | undefined;
}

interface MatchingRoute extends FoundRoute {
  /** How many it is for: `app.all` is told from a handler by that. */
  readonly methods: number;
  /** A regular expression. */
  readonly isWide?: boolean;
  /** It is no route but one of these: what it does with the request cannot be seen. */
  readonly opaque?: true;
}

const audits = new WeakMap<object, RouteAudit>();

/** The routes and handlers of a router. Undefined for whatever else has a `stack`, as an application of connect has. */
export function layersOf({ handle: { stack } }: Layer): readonly Layer[] | undefined {
  const isRouter = Array.isArray(stack) && stack.every((layer) => typeof Object(layer).match === 'function');
  return isRouter ? (stack as readonly Layer[]) : undefined;
}

/** Whether a layer is an application of Express, into which nobody can see. */
export function isMounted({ name, handle }: Layer): boolean {
  // Through a router it is mounted as it is.
  return name === 'mounted_app' || 'mountpath' in handle;
}

/**
 * Names the operation of a route, or says why it is not audited: `app.post('/disks', auditRoute({ operationId:
 * 'disk_create' }), handler)`. A named operation that is answered below 400 without an entry is logged at error.
 */
export function auditRoute(audit: RouteAudit): RequestHandler {
  checkRouteAudit(audit, 'auditRoute');
  const { operationId } = audit;
  const handler: RequestHandler = (request, response, next) => {
    if (operationId !== undefined) void watchNamed(operationId, request, response);
    next();
  };
  audits.set(handler, audit);
  return handler;
}

/**
 * The route that names such a request. Any that matches may only call `next()`, so all are looked at: the first that is
 * named by `auditRoute` counts; else the first of those for the fewest methods. Those that skip count only if all do.
 * What `use` was given may answer as well, and the middleware is one of these itself: beside it, only a route skips that is
 * below its path and names something there, and no catch-all.
 */
export function findRoute(stack: readonly Layer[], method: string, path: string, prefix = ''): FoundRoute | undefined {
  const found = matchingRoutes(stack, method, path, prefix);
  const opaque = found.filter((each) => each.opaque);
  const routes = found.filter((each) => !each.opaque);
  const named = routes.find(({ audit }) => audit?.operationId !== undefined);
  if (named) return named;
  const plain = routes.filter(({ audit }) => audit === undefined);
  const fewest = Math.min(...plain.map(({ methods }) => methods));
  return (
    plain.find(({ methods }) => methods === fewest) ??
    routes.find((route) => opaque.every((mounted) => isWithin(route, mounted)))
  );
}

function isWithin({ path, isWide }: MatchingRoute, { path: mount }: MatchingRoute): boolean {
  const base = mount.replace(/\/+$/, '');
  if (isWide || !`${path}/`.startsWith(`${base}/`)) return false;
  // Nobody sees whether a function only looks, or is a router or an application that answers: parameters alone say too little.
  const rest = path.slice(base.length);
  return rest === '' || rest === '/' || /\/[\w.~%-]/.test(rest);
}

function matchingRoutes(stack: readonly Layer[], method: string, path: string, prefix: string): MatchingRoute[] {
  const found: MatchingRoute[] = [];
  for (const layer of stack) {
    const { route } = layer;
    const layers = layersOf(layer);
    const match = matchOf(layer, path);
    if (!match) continue;
    const pattern = prefix + String(match.pattern);
    if (route) {
      const taken = takenAs(route.methods, method);
      const methods = route.methods['_all'] === true ? Infinity : Object.keys(route.methods).length;
      const isWide = typeof match.pattern !== 'string';
      if (taken) found.push({ method, path: pattern, audit: auditOf(route.stack, taken), methods, isWide });
    } else if (layers) {
      found.push(...matchingRoutes(layers, method, path.slice(match.path.length) || '/', pattern));
    } else found.push({ method, path: pattern, audit: undefined, methods: Infinity, opaque: true });
  }
  return found;
}

/** Where a layer matches, and as what. */
export function matchOf(layer: Layer, path: string): Match | false {
  if (layer.rawPath === undefined) throw new InvalidArgumentError('router', 'version 2.3 or later', 'an earlier one');
  try {
    return layer.slash ? { path: '', pattern: '' } : layer.match(path);
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

/** What a route says of its audit to a method. */
export function auditOf(stack: readonly Layer[], method: string): RouteAudit | undefined {
  const own = stack.filter((layer) => layer.method === undefined || layer.method === method.toLowerCase());
  return own.map(({ handle }) => auditIn(handle)).find((audit) => audit !== undefined);
}

/** Agents that watch a service put a function of theirs in the place of each handler, and keep it in there. */
function auditIn(handle: object): RouteAudit | undefined {
  const seen = new Set<unknown>();
  for (let found: unknown = handle; typeof found === 'function' && !seen.has(found);) {
    seen.add(found);
    const audit = audits.get(found);
    if (audit) return audit;
    const inner = Object.getOwnPropertySymbols(found).find(({ description }) => description === 'original');
    found = inner === undefined ? Reflect.get(found, '__original') : Reflect.get(found, inner);
  }
  return undefined;
}
