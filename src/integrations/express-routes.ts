import type { RequestHandler } from 'express';
import { checkRouteAudit, type Route, type RouteAudit } from './route-rule.ts';

/** What Express keeps of a `use`, of a route, and of each handler in a route. */
export interface Layer {
  readonly name: string;
  readonly handle: { readonly stack?: readonly Layer[] };
  /** As it was declared. */
  readonly rawPath?: unknown;
  readonly slash?: boolean;
  readonly method?: string;
  readonly route?: { readonly methods: Readonly<Record<string, boolean>>; readonly stack: readonly Layer[] };
  /** What `match` has matched. */
  readonly path?: string;
  match(path: string): boolean;
}

export interface FoundRoute extends Route {
  readonly audit: RouteAudit | undefined;
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

/** The first route that takes such a request, as the router would find it. */
export function findRoute(stack: readonly Layer[], method: string, path: string, prefix = ''): FoundRoute | undefined {
  for (const layer of stack) {
    if (!layer.route && !layer.handle.stack) continue;
    if (!matches(layer, path)) continue;
    if (layer.route) {
      if (!takes(layer.route.methods, method)) continue;
      return { method, path: prefix + pathOf(layer), audit: auditOf(layer.route.stack, method) };
    }
    const rest = layer.slash ? path : path.slice(layer.path?.length ?? 0) || '/';
    const found = findRoute(layer.handle.stack ?? [], method, rest, prefix + (layer.slash ? '' : pathOf(layer)));
    if (found) return found;
  }
  return undefined;
}

/** Every route that can be seen, and the paths of applications that are mounted, into which nobody can see. */
export function eachRoute(stack: readonly Layer[], prefix = ''): { routes: Route[]; mounted: string[] } {
  const routes: Route[] = [];
  const mounted: string[] = [];
  for (const layer of stack) {
    const path = prefix + (layer.slash ? '' : pathOf(layer));
    if (layer.route) {
      for (const name of Object.keys(layer.route.methods)) {
        routes.push({ method: name === '_all' ? 'POST' : name.toUpperCase(), path: prefix + pathOf(layer) });
      }
    } else if (layer.handle.stack) {
      const within = eachRoute(layer.handle.stack, path);
      routes.push(...within.routes);
      mounted.push(...within.mounted);
    } else if (layer.name === 'mounted_app') mounted.push(path);
  }
  return { routes, mounted };
}

function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    // An escape that is none, `%zz`: the router answers that it is a bad request.
    return false;
  }
}

function takes(methods: Readonly<Record<string, boolean>>, method: string): boolean {
  return methods['_all'] === true || methods[method.toLowerCase()] === true;
}

function auditOf(stack: readonly Layer[], method: string): RouteAudit | undefined {
  const own = stack.filter((layer) => layer.method === undefined || layer.method === method.toLowerCase());
  return own.map(({ handle }) => audits.get(handle)).find((audit) => audit !== undefined);
}

function pathOf({ rawPath, path }: Layer): string {
  return [rawPath ?? path ?? ''].flat().map(String).join('|');
}
