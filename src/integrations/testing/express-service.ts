import { once } from 'node:events';
import { createServer, METHODS, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMounted } from '../express-mounts.ts';
import type { Layer } from '../express-routes.ts';
import type { DeclaredRoute } from '../route-rule.ts';
import { type AuditedService, sendTo } from './service.ts';

/**
 * The routes of an Express application, those of its routers included. An application that is mounted in it cannot be
 * seen into and is a problem: check it by itself. A handler that is mounted by `use` alone is no route to Express.
 */
export function expressService(app: RequestListener & { readonly router: object }): AuditedService {
  return {
    async connect() {
      const { stack } = app.router as { readonly stack: readonly Layer[] };
      const { routes, mounted } = eachRoute(stack);
      const server = createServer(app).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return {
        // An optional part, `{/:page}`, is taken.
        routes,
        problems: mounted.map((path) => `${path}: expected a router, got a mounted application: check it by itself`),
        send: (request) => sendTo(base, { ...request, url: request.url.replaceAll(/\{(\/[^}]*)\}/g, '$1') }),
        async [Symbol.asyncDispose]() {
          server.closeAllConnections();
          await once(server.close(), 'close');
        },
      };
    },
  };
}

/** Every route that can be seen, and the paths of applications that are mounted, into which nobody can see. */
function eachRoute(
  stack: readonly Layer[],
  prefix = '',
  withinRegExp = false,
): { routes: DeclaredRoute[]; mounted: string[] } {
  const routes: DeclaredRoute[] = [];
  const mounted: string[] = [];
  for (const layer of stack) {
    const { handle, rawPath, slash, route } = layer;
    for (const pattern of slash ? [''] : [rawPath].flat()) {
      const path = prefix + String(pattern);
      const isRegExp = withinRegExp || typeof pattern !== 'string';
      if (route) routes.push(...methodsOf(route.methods).map((method) => ({ method, path, isRegExp })));
      else if (isMounted(layer)) mounted.push(path);
      else if (handle.stack) {
        const within = eachRoute(handle.stack, path, isRegExp);
        routes.push(...within.routes);
        mounted.push(...within.mounted);
      }
    }
  }
  return { routes, mounted };
}

/** A route for all methods is told as one for POST. CONNECT never comes to a handler. */
function methodsOf(methods: Readonly<Record<string, boolean>>): string[] {
  const names = Object.keys(methods);
  // `app.all` is for each of them, `route.all` for one that has no name.
  if (METHODS.every((method) => names.includes(method.toLowerCase()))) return ['POST'];
  return names.filter((name) => name !== 'connect').map((name) => (name === '_all' ? 'POST' : name.toUpperCase()));
}
