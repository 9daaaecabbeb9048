import { InvalidArgumentError } from '../../errors.ts';
import { withMethods } from '../checks.ts';
import { type AuditedRoute, type DeclaredRoute, declaredRoutes, handled } from '../fastify-routes.ts';
import { foundRoutes } from '../route-rule.ts';
import {
  type Answer,
  type AuditedService,
  type CallableRoute,
  type Params,
  type TestRequest,
  valueOf,
} from './service.ts';

/** What is needed of a Fastify application: it is called without a port. */
export interface FastifyApplication {
  readonly server: object;
  ready(): PromiseLike<unknown>;
  inject(request: {
    readonly method: 'POST';
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly payload?: string | Buffer;
  }): PromiseLike<{
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: string;
    readonly raw: { readonly req: object };
  }>;
}

const checkApplication = withMethods(['ready', 'inject'], 'a Fastify application');

/** The routes of a Fastify application in which `sealog/fastify` is registered. It stays open. */
export function fastifyService(app: FastifyApplication): AuditedService {
  checkApplication('app', app);
  return {
    async connect() {
      await app.ready();
      const routes = declaredRoutes(app);
      if (!routes) throw new InvalidArgumentError('app', 'an application with sealog/fastify registered', 'none');
      const send = async ({ method, url, headers, body }: TestRequest): Promise<Answer> => {
        const payload = body === undefined ? {} : { payload: typeof body === 'string' ? body : Buffer.from(body) };
        // The type is that of light-my-request, which takes every method.
        const answer = await app.inject({ method: method as 'POST', url, headers, ...payload });
        const found = foundRoutes.get(answer.raw.req) as AuditedRoute | undefined;
        const reachedHandler = handled.has(answer.raw.req);
        return {
          status: answer.statusCode,
          headers: headersOf(answer.headers),
          body: answer.body,
          reachedHandler,
          reachedAnother: !reachedHandler && found?.isReplaced(),
          foundRoute: found && nameOf(found),
        };
      };
      return { routes: routes.map(callable), problems: [], fill, send, async [Symbol.asyncDispose]() {} };
    },
  };
}

function headersOf(headers: Readonly<Record<string, unknown>>): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) for (const one of [value].flat()) all.append(name, String(one));
  return all;
}

/** The headers that Fastify's own constraints look at. */
const HEADERS: Readonly<Record<string, string>> = { host: 'host', version: 'accept-version' };

/** With its constraints, which separate it from others of its path. */
function nameOf({ method, path, constraints }: DeclaredRoute): string {
  const own = Object.entries(constraints).map(([name, value]) => `${name}: ${String(value)}`);
  return `${method} ${path}${own.length > 0 ? ` {${own.join(', ')}}` : ''}`;
}

function callable(route: DeclaredRoute): CallableRoute {
  const { method, path, operationId, constraints } = route;
  const given = Object.entries(constraints);
  const headers = given.map(([name, value]) => [HEADERS[name], value] as const);
  const isKnown = headers.every(([name, value]) => name !== undefined && typeof value === 'string');
  return {
    method,
    path,
    name: nameOf(route),
    operations: operationId === undefined ? [] : [operationId],
    headers: isKnown ? (Object.fromEntries(headers) as Record<string, string>) : {},
    needs: isKnown ? undefined : { part: 'headers', because: 'its constraints' },
  };
}

/** Of `:id`, `:id(^\\d+$)`, `:id?` and `*`; two colons are one. */
function fill(path: string, params: Params): string {
  return path.replaceAll(
    /:(:)|:(\w+)(?:\([^)]*\))?\??|\*/g,
    (_all, colon?: string, name = '*') => colon ?? valueOf(params, name as string),
  );
}
