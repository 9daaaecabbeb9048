/**
 * sealog in Fastify 5: every route that mutates has an entry, begun right before its handler and completed when the
 * answer has been sent.
 *
 * The entry is begun by the last `preHandler` of the route, so that everything which finds out who asks, in whatever
 * hook, has run. When it cannot be begun the handler does not run, and the client is told 503. A request that was
 * answered before that, because it was not allowed or not valid, leaves an entry too; one with 429 or 503 leaves none,
 * because shedding load must not make load. Unknown paths are no routes, and upgrades to WebSocket are not looked at.
 *
 * Nothing here delays or catches what a hook answers: a hook that does not return the reply relies on its answer being
 * sent before the hook ends, or Fastify runs the handler. So there is no `onSend` hook, no other hook awaits anything,
 * and such a request is recorded when its answer has ended.
 */
import type {
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  onErrorHookHandler,
  onResponseHookHandler,
  preHandlerHookHandler,
} from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { InvalidArgumentError } from '../errors.ts';
import { replyNotReturned } from '../events.ts';
import { isUnavailable } from './audit-log-unavailable-error.ts';
import { createAuditor } from './auditor.ts';
import { checkOptions } from './check-options.ts';
import { reportSafely } from './describe-request.ts';
import { type AuditedRoute, declareRoutes, earlierRoutes, refuseNamed } from './fastify-routes.ts';
import { isAnswered, openState, type State, stateOf } from './fastify-state.ts';
import type { AuditOptions } from './options.ts';
import { refusingError } from './refusing-error.ts';
import type { ResponseEnd } from './response-end.ts';
import { foundRoutes, operationOf, type RouteAudit } from './route-rule.ts';

export { AuditLogUnavailableError } from './audit-log-unavailable-error.ts';
export type { AuditOptions, RecordedParts } from './options.ts';
export type { Route, RouteAudit } from './route-rule.ts';

/** What is audited of a route, by method. */
type Operations = ReadonlyMap<string, AuditedRoute>;

const OPERATIONS: unique symbol = Symbol('operations');

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The name of this route's operation in the audit log, or the reason why it is not audited. */
    readonly audit?: RouteAudit;
    [OPERATIONS]?: Operations;
  }
}

/** The default of `operationId` is the one in the route's schema, if it has one. */
export type SealogFastifyOptions = AuditOptions<FastifyRequest, FastifyReply>;

// With a callback, as all hooks here: an asynchronous one would delay the answer.
const noteError: onErrorHookHandler = (request, _reply, error, done) => {
  const state = stateOf(request);
  if (state) state.thrown = error;
  if (state?.entry) state.entry.thrown = error;
  done();
};

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

  const open = (operations: Operations, request: FastifyRequest, reply: FastifyReply): State | undefined => {
    const audited = operations.get(request.method);
    if (!audited || stateOf(request)) return stateOf(request);
    foundRoutes.set(request.raw, audited);
    const { operationId } = audited;
    return openState({ operationId, request, reply, logger: options.logger }, recordAnswered);
  };
  const recordAnswered = async (state: State, end: ResponseEnd): Promise<void> => {
    const entry = await state.begun?.catch(() => undefined);
    if (!entry && !state.isUnavailable) auditor.recordAnswered(state.exchange, end, state.thrown);
  };
  /** Whether the handler may run: the request may have been answered while its entry was begun. */
  const begin = async (state: State): Promise<boolean> => {
    const { reply } = state.exchange;
    try {
      state.begun ??= auditor.begin(state.exchange);
      state.entry = await state.begun;
      state.entry.thrown = state.thrown;
      if (options.entryIdHeader !== undefined) reply.header(options.entryIdHeader, state.entry.id);
    } catch (error) {
      if (isUnavailable(error)) {
        state.isUnavailable = true;
        // Also where the service answers errors by a handler of its own.
        reply.headers(error.headers);
      }
      throw refusingError(error);
    }
    return !isAnswered(state);
  };
  const proceed = async (state: State, done: (error?: Error) => void): Promise<void> => {
    try {
      if (!(await begin(state))) return;
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };

  // The first of all hooks that are added from here on, so that it sees what they answer.
  app.addHook('onRequest', (request, reply, done) => {
    const operations = request.routeOptions.config?.[OPERATIONS];
    if (operations) open(operations, request, reply);
    done();
  });
  app.addHook('onRoute', (route) => {
    const operations = new Map<string, AuditedRoute>();
    const isReplaced = (): boolean => route.handler !== audited;
    for (const method of [route.method].flat()) {
      const path = route.url;
      const rules = { ...options, operationId: options.operationId ?? declaredName(route.schema) };
      const operationId = operationOf({ method, path }, route.config?.audit, rules);
      const declared = { method, path, constraints: route.constraints ?? {} };
      if (operationId !== undefined) operations.set(method, { ...declared, operationId, isReplaced });
      routes.push({ ...declared, operationId });
    }
    if (operations.size === 0) return;

    let hasWarned = false;
    /** Fastify continues to the handler while an answer that a hook has sent is on its way. */
    const isOvertaken = (state: State): boolean => {
      if (!isAnswered(state)) return false;
      const { operationId, request, reply, logger } = state.exchange;
      if (!hasWarned) {
        reportSafely(() =>
          replyNotReturned(logger, { route: `${request.method} ${route.url}`, operationId, status: reply.statusCode }),
        );
      }
      hasWarned = true;
      return true;
    };
    const beforeHandler: preHandlerHookHandler = (request, reply, done) => {
      const state = open(operations, request, reply);
      if (!state) done();
      // Without `done` the request ends here, as the answer does that is on its way.
      else if (!isOvertaken(state)) void proceed(state, done);
    };
    const afterAnswer: onResponseHookHandler = (request, reply, done) => {
      // A hook that was added earlier has answered.
      open(operations, request, reply);
      done();
    };
    const { handler } = route;
    // Hooks that are added later may replace `preHandler`. What has an entry is handled as it is everywhere else.
    const audited: typeof handler = function audited(request, reply) {
      const state = open(operations, request, reply);
      if (!state) return handler.call(this, request, reply);
      if (isOvertaken(state)) return undefined;
      if (state.entry) return handler.call(this, request, reply);
      return begin(state).then((mayRun) => {
        if (!mayRun) return new Promise(() => {});
        const answer: unknown = handler.call(this, request, reply);
        // To a promise, undefined is an answer. To a function it is not: this one calls `send`, now or later.
        return answer === undefined ? reply : answer;
      });
    };
    route.handler = audited;
    route.config = { ...route.config, [OPERATIONS]: operations };
    route.preHandler = [...[route.preHandler ?? []].flat(), beforeHandler];
    route.onError = [...[route.onError ?? []].flat(), noteError];
    route.onResponse = [...[route.onResponse ?? []].flat(), afterAnswer];
  });
  app.addHook('onClose', () => auditor.settled());
};

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
