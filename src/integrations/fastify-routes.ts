import type { Route } from './route-rule.ts';

export interface DeclaredRoute extends Route {
  /** Undefined where it is not audited. */
  readonly operationId: string | undefined;
  /** What a request must have besides method and path, by the name of Fastify's strategy. */
  readonly constraints: Readonly<Record<string, unknown>>;
}

// By the server, because every plugin of an application sees an application object of its own.
const routesOfServers = new WeakMap<object, DeclaredRoute[]>();

/** The list to which the plugin adds each route of an application, mutating or not. */
export function declareRoutes({ server }: { readonly server: object }): DeclaredRoute[] {
  const routes = routesOfServers.get(server) ?? [];
  routesOfServers.set(server, routes);
  return routes;
}

/** All routes of an application in which the plugin is registered; undefined where it is not. */
export function declaredRoutes({ server }: { readonly server: object }): readonly DeclaredRoute[] | undefined {
  return routesOfServers.get(server);
}
