/**
 * sealog in Fastify 5: every route that mutates has an entry, begun right before its handler and completed when the
 * answer has been sent.
 *
 * The entry is begun by the last `preHandler` of the route, so that everything which finds out who asks, in whatever
 * hook, has run. When it cannot be begun the handler does not run, and the client is told 503. A request that was
 * answered before that, because it was not allowed or not valid, leaves an entry too; one with 429 or 503 leaves none,
 * because shedding load must not make load. Unknown paths are no routes, and upgrades to WebSocket are not looked at.
 */
import type {
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  onErrorAsyncHookHandler,
  onRequestHookHandler,
  onSendAsyncHookHandler,
} from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { InvalidArgumentError } from '../errors.ts';
import { refusalLost } from '../events.ts';
import { AuditLogUnavailableError } from './audit-log-unavailable-error.ts';
import { createAuditor, type Exchange, type OpenEntry } from './auditor.ts';
import { checkOptions } from './check-options.ts';
import { declareRoutes, earlierRoutes } from './fastify-routes.ts';
import type { AuditOptions } from './options.ts';
import { operationOf, type RouteAudit, SHED } from './route-rule.ts';

export { AuditLogUnavailableError } from './audit-log-unavailable-error.ts';
export type { AuditOptions, RecordedParts } from './options.ts';
export type { Route, RouteAudit } from './route-rule.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The name of this route's operation in the audit log, or the reason why it is not audited. */
    readonly audit?: RouteAudit;
  }
}

/** The default of `operationId` is the one in the route's schema, if it has one. */
export type SealogFastifyOptions = AuditOptions<FastifyRequest, FastifyReply>;

interface State {
  entry?: OpenEntry;
  unavailable?: boolean;
  thrown?: unknown;
}

const states = new WeakMap<FastifyRequest, State>();

function stateOf(request: FastifyRequest): State {
  const state = states.get(request) ?? {};
  states.set(request, state);
  return state;
}

const noteError: onErrorAsyncHookHandler = async (request, _reply, error) => {
  const state = stateOf(request);
  state.thrown = error;
  if (state.entry) state.entry.thrown = error;
};

/** What is thrown instead of an answer, which is known to have no entry. */
function refusal(state: State, reply: FastifyReply, error: unknown): unknown {
  if (error instanceof AuditLogUnavailableError) {
    state.unavailable = true;
    // Also where the service answers errors by a handler of its own.
    reply.headers(error.headers);
  }
  return error;
}

// What `register` takes for every plugin, and passes on to it.
const OF_FASTIFY = ['prefix', 'logLevel', 'logSerializers'];

const sealogFastify: FastifyPluginAsync<SealogFastifyOptions> = async (app, options) => {
  checkOptions(options, OF_FASTIFY);
  // Every context is made of the one it is in, and that does not see the routes of this one's siblings.
  if ('register' in (Object.getPrototypeOf(app) as object)) {
    const expected = 'to be registered on the application itself: wrap the plugin that registers it by fastify-plugin';
    throw new InvalidArgumentError('sealogFastify', expected, 'a context within it');
  }
  const earlier = earlierRoutes(app, options.audited);
  if (earlier.audited.length > 0) {
    const expected = 'to be registered before all routes that it audits: await it';
    throw new InvalidArgumentError('sealogFastify', expected, earlier.audited, earlier.audited.join(', '));
  }
  if (earlier.others.size > 0) app.addHook('onRequest', refuseNamed(earlier.others));
  const auditor = createAuditor(options);
  const routes = declareRoutes(app);

  const exchangeOf = (operationId: string, request: FastifyRequest, reply: FastifyReply) =>
    ({
      operationId,
      request,
      reply,
      response: reply.raw,
      logger: options.logger ?? request.log,
      facts: {
        id: request.id,
        url: request.originalUrl,
        ip: request.ip,
        userAgent: request.headers['user-agent'],
        query: () => request.query,
        body: () => request.body,
      },
    }) satisfies Exchange<FastifyRequest, FastifyReply>;
  const keep = (state: State, entry: OpenEntry, reply: FastifyReply): void => {
    entry.thrown = state.thrown;
    state.entry = entry;
    if (options.entryIdHeader !== undefined) reply.header(options.entryIdHeader, entry.id);
  };

  app.addHook('onRoute', (route) => {
    const operations = new Map<string, string>();
    for (const method of [route.method].flat()) {
      const path = route.url;
      const rules = { ...options, operationId: options.operationId ?? declaredName(route.schema) };
      const operationId = operationOf({ method, path }, route.config?.audit, rules);
      if (operationId !== undefined) operations.set(method, operationId);
      routes.push({ method, path, operationId, constraints: route.constraints ?? {} });
    }
    if (operations.size === 0) return;

    const begin = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      const operationId = operations.get(request.method);
      const state = stateOf(request);
      if (operationId === undefined || state.entry) return;
      try {
        keep(state, await auditor.begin(exchangeOf(operationId, request, reply)), reply);
      } catch (error) {
        throw refusal(state, reply, error);
      }
    };
    const beginRefused: onSendAsyncHookHandler = async (request, reply) => {
      const operationId = operations.get(request.method);
      const state = stateOf(request);
      if (operationId === undefined || state.entry || state.unavailable || SHED.has(reply.statusCode)) return;
      const exchange = exchangeOf(operationId, request, reply);
      try {
        keep(state, await auditor.beginRefused(exchange), reply);
      } catch (err) {
        // A hook has done the work by itself: nobody is told so, because it could not be audited.
        if (reply.statusCode < 400) throw refusal(state, reply, err);
        refusalLost(exchange.logger, { operationId, err });
      }
    };
    const { handler } = route;
    route.preHandler = [...[route.preHandler ?? []].flat(), begin];
    // Hooks that are added later may replace `preHandler`. What has an entry is handled as it is everywhere else.
    route.handler = function audited(request, reply) {
      if (stateOf(request).entry || !operations.has(request.method)) return handler.call(this, request, reply);
      return begin(request, reply).then(() => {
        const answer: unknown = handler.call(this, request, reply);
        // To a promise, undefined is an answer. To a function it is not: this one calls `send`, now or later.
        return answer === undefined ? reply : answer;
      });
    };
    route.onError = [...[route.onError ?? []].flat(), noteError];
    route.onSend = [...[route.onSend ?? []].flat(), beginRefused];
  });
  app.addHook('onClose', () => auditor.settled());
};

/** What an earlier route says of its audit shows only with its requests, and it has no entry: it must not run. */
function refuseNamed(earlier: ReadonlySet<string>): onRequestHookHandler {
  return ({ method, routeOptions: { url, config } }, _reply, done) => {
    const name = `${method} ${url}`;
    const isNamed = config.audit?.operationId !== undefined && earlier.has(name);
    const expected = 'a route that is declared behind sealogFastify, because it names its operation';
    if (isNamed) done(new InvalidArgumentError(name, expected, 'earlier', 'one that is declared before it'));
    else done();
  };
}

/** `operationId` of OpenAPI, which a schema for `@fastify/swagger` may hold. */
function declaredName(schema: unknown): SealogFastifyOptions['operationId'] {
  const { operationId }: { operationId?: unknown } = Object(schema);
  return typeof operationId === 'string' && operationId !== '' ? () => operationId : undefined;
}

const plugin: FastifyPluginAsync<SealogFastifyOptions> = fastifyPlugin(sealogFastify, {
  fastify: '5.x',
  name: 'sealog',
});
export { plugin as sealogFastify };
export default plugin;
