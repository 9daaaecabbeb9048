import type { FastifyInstance } from 'fastify';
import { mutates, type Route } from './route-rule.ts';

export interface DeclaredRoute extends Route {
  /** Undefined where it is not audited. */
  readonly operationId: string | undefined;
  /** What a request must have besides method and path, by the name of Fastify's strategy. */
  readonly constraints: Readonly<Record<string, unknown>>;
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
