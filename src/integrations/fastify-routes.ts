import type { FastifyInstance, HTTPMethods, onRequestHookHandler } from 'fastify';
import { InvalidArgumentError } from '../errors.ts';
import { mutates, operationOf, type Route, type RouteAudit, type RouteRules } from './route-rule.ts';

export interface DeclaredRoute extends Route {
  /** Undefined where it is not audited. */
  readonly operationId: string | undefined;
  /** What a request must have besides method and path, by the name of Fastify's strategy. */
  readonly constraints: Readonly<Record<string, unknown>>;
}

export interface AuditedRoute extends DeclaredRoute {
  readonly operationId: string;
  /** An `onRoute` hook that was added later has put another handler in place of the audited one, or around it. */
  isReplaced(): boolean;
}

// By the server, because every plugin of an application sees an application object of its own.
const routesOfServers = new WeakMap<object, DeclaredRoute[]>();

/** The raw requests that came as far as their handler, for the proof of coverage. */
export const handled: WeakSet<object> = new WeakSet<object>();

/** The list to which the plugin adds each route of an application, mutating or not. */
export function declareRoutes(app: FastifyInstance): DeclaredRoute[] {
  app.addHook('onRoute', (route) => {
    if (![route.method].flat().some(mutates)) return;
    const { handler } = route;
    route.handler = function noted(request, reply) {
      handled.add(request.raw);
      return handler.call(this, request, reply);
    };
  });
  const routes = routesOfServers.get(app.server) ?? [];
  routesOfServers.set(app.server, routes);
  return routes;
}

/** All routes of an application in which the plugin is registered; undefined where it is not. */
export function declaredRoutes({ server }: { readonly server: object }): readonly DeclaredRoute[] | undefined {
  return routesOfServers.get(server);
}

/** Routes that were declared before the plugin, as `POST /disks`. */
export interface EarlierRoutes {
  /** Those that would be audited. What answers CORS usually comes first, and may. */
  readonly audited: readonly string[];
  /** The others: they would be audited only if they named their operation, and that shows with their requests. */
  readonly others: ReadonlySet<string>;
}

const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

export function earlierRoutes(app: FastifyInstance, audited: RouteRules['audited']): EarlierRoutes {
  const methods = app.supportedMethods.filter((method) => method !== 'OPTIONS') as HTTPMethods[];
  const routes = methods.flatMap((method) => pathsIn(app.printRoutes({ method })).map((path) => ({ method, path })));
  const isAudited = (route: Route): boolean => operationOf(route, undefined, { audited }) !== undefined;
  return {
    audited: routes.filter(isAudited).map(nameOf),
    others: new Set(routes.filter((route) => !isAudited(route)).map(nameOf)),
  };
}

// Each line is the part of a path, and what is declared there: `│   ├── /:id (POST) {"version":"1.0.0"}`.
const LINE = /^((?:[│ ] {3})*)[├└]── (.*?)( \([A-Z-]+\)(?: \{.*)?)?$/;

/** Fastify has no list of earlier routes, only a tree for people. */
function pathsIn(tree: string): string[] {
  const parents: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent, part, declared] = LINE.exec(line) ?? [];
    if (indent === undefined || part === undefined) return [];
    const level = indent.length / 4;
    const path = part === '(empty root node)' ? '' : (parents[level - 1] ?? '') + part;
    parents[level] = path;
    return declared === undefined ? [] : [path];
  });
}

/** What an earlier route says of its audit shows only with its requests, and it has no entry: it must not run. */
export function refuseNamed(earlier: ReadonlySet<string>): onRequestHookHandler {
  return ({ method, routeOptions: { url, config } }, _reply, done) => {
    const name = `${method} ${url}`;
    // Its type is declared by the plugin, which a service on Express does not have.
    const { audit } = config as { readonly audit?: RouteAudit };
    const isNamed = audit?.operationId !== undefined && earlier.has(name);
    const expected = 'a route that is declared behind sealogFastify, because it names its operation';
    if (isNamed) done(new InvalidArgumentError(name, expected, 'earlier', 'one that is declared before it'));
    else done();
  };
}
