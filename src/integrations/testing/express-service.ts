import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type IncomingMessage, METHODS, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvalidArgumentError } from '../../errors.ts';
import { type Application, routerOf } from '../express-mounts.ts';
import { auditOf, isMounted, type Layer, layersOf } from '../express-routes.ts';
import { begunRequests, foundRoutes } from '../route-rule.ts';
import { type AuditedService, type CallableRoute, type Params, sendTo, valueOf } from './service.ts';

/**
 * The routes of an Express application, those of its routers included. An application that is mounted in it cannot be
 * seen into and is a problem: check it by itself. A handler that is mounted by `use` alone is no route to Express.
 */
export function expressService(app: RequestListener & { readonly router: object }): AuditedService {
  // Not read yet: the first to read it makes the router, by what the application is set to at that moment.
  if (typeof app !== 'function' || !('router' in app)) {
    throw new InvalidArgumentError('app', 'an Express application', typeof app);
  }
  return {
    async connect() {
      const { routes, mounted } = eachRoute(routerOf(app as Pick<Application, 'router'>).stack);
      const calls = new Map<unknown, SeenCall>();
      const note = (invocation: unknown): void => {
        const { req, route, isLast } = functionOf(invocation as Invocation);
        const userAgent = req.headers['user-agent'];
        const call = calls.get(userAgent) ?? { req, early: new Set(), reached: new Set(), ranUnaudited: false };
        calls.set(userAgent, call);
        if (!route) return;
        if (isLast) call.reached.add(route);
        if (begunRequests.has(req)) return;
        call.early.add(route);
        if (isLast) call.ranUnaudited = true;
      };
      subscribe(INVOCATIONS, note);
      const server = createServer(app).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return {
        routes,
        problems: mounted.map((path) => `${path}: expected a router, got a mounted application: check it by itself`),
        fill,
        async send(request) {
          const answer = await sendTo(base, request);
          const call = calls.get(request.headers['user-agent']);
          if (!call) return { ...answer, reachedHandler: false };
          const { req, reached, early, ranUnaudited } = call;
          const found = foundRoutes.get(req);
          const foundRoute = found && `${found.method} ${found.path}`;
          const twins = [...new Set(routes.filter(({ name }) => name === foundRoute).map(({ declared }) => declared))];
          const isProof = !twins.some((twin) => early.has(twin)) || twins.every((twin) => reached.has(twin));
          return {
            ...answer,
            reachedHandler: reached.size > 0,
            ranUnaudited,
            foundRoute,
            unprovenTwins: twins.length < 2 || isProof ? undefined : twins.length,
          };
        },
        async [Symbol.asyncDispose]() {
          unsubscribe(INVOCATIONS, note);
          server.closeAllConnections();
          await once(server.close(), 'close');
        },
      };
    },
  };
}

/** Where the router publishes each function that it is about to call. */
const INVOCATIONS = 'tracing:express.router.request:start';

/** What came of a call, by its user agent. */
interface SeenCall {
  readonly req: object;
  /** The routes of which a function was called when no entry had been begun. */
  readonly early: Set<object>;
  /** The routes whose last function was called. */
  readonly reached: Set<object>;
  ranUnaudited: boolean;
}

interface Invocation {
  readonly req: IncomingMessage & { readonly route?: { readonly stack: readonly Layer[] } };
  readonly layer: Layer;
  readonly errorHandler?: boolean;
}

/** The route that it is of, and whether it is the last one there: those before it may be what refuses. */
function functionOf({ req, layer, errorHandler }: Invocation) {
  const method = req.method?.toLowerCase();
  const route = req.route?.stack.includes(layer) ? req.route : undefined;
  const own = route?.stack.filter((each) => each.method === undefined || each.method === method) ?? [];
  // By the number of its parameters Express tells what handles errors.
  const handlers = own.filter(({ handle }) => handle.length <= 3);
  return { req, route, isLast: errorHandler !== true && handlers.at(-1) === layer };
}

interface DeclaredRoute extends CallableRoute {
  /** Several may have one name. */
  readonly declared: object;
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
    const { rawPath, slash, route } = layer;
    const layers = layersOf(layer);
    for (const pattern of slash ? [''] : [rawPath].flat()) {
      const path = prefix + String(pattern);
      const isRegExp = withinRegExp || typeof pattern !== 'string';
      if (route) {
        for (const method of methodsOf(route.methods)) {
          const name = `${method} ${path}`;
          const own = auditOf(route.stack, method)?.operationId;
          const needs = isRegExp ? ({ part: 'path', because: 'a regular expression' } as const) : undefined;
          const operations = own === undefined ? [name] : [own, name];
          routes.push({ method, path, name, operations, needs, declared: route });
        }
      } else if (isMounted(layer)) mounted.push(path);
      else if (layers) {
        const within = eachRoute(layers, path, isRegExp);
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

/** Of `:id`, `*rest` and `:"a name"`. An optional part, `{/:page}`, is taken, and `\\:` is a colon. */
function fill(path: string, params: Params): string {
  const parts = /\\(.)|[:*](?:"([^"]+)"|([\p{ID_Continue}$]+))|[{}]/gu;
  return path.replaceAll(parts, (_all, literal = '', quoted?: string, bare?: string) => {
    const name = quoted ?? bare;
    return name === undefined ? (literal as string) : valueOf(params, name);
  });
}
