import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eachRoute, type Layer } from '../express-routes.ts';
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
