import type { Route } from './route-rule.ts';

// By the server, because every plugin of an application sees an application object of its own.
const routesOfServers = new WeakMap<object, Route[]>();

/** The list to which the plugin adds each route of an application, mutating or not. */
export function declareRoutes({ server }: { readonly server: object }): Route[] {
  const routes = routesOfServers.get(server) ?? [];
  routesOfServers.set(server, routes);
  return routes;
}

/** All routes of an application in which the plugin is registered; undefined where it is not. */
export function declaredRoutes({ server }: { readonly server: object }): readonly Route[] | undefined {
  return routesOfServers.get(server);
}
