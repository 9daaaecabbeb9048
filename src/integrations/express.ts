/**
 * sealog in Express 5: a middleware that begins an entry for every request that mutates, and completes it when the
 * answer has been sent.
 *
 * Its place is behind what finds out who asks and parses bodies, and before what refuses and what handles. Nothing before
 * it is audited, but for refusals where `refusals` is in front of them. When the entry cannot be begun nothing behind it
 * runs, and the client is answered 503. A request to a path that is no route is audited too, as `POST (no route)`,
 * because any middleware may handle it.
 */
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { operationUnaudited, refusalLost } from '../events.ts';
import { defaultLogger } from '../logger.ts';
import { AuditLogUnavailableError } from './audit-log-unavailable-error.ts';
import { createAuditor, type Exchange, type OpenEntry } from './auditor.ts';
import { checkOptions } from './check-options.ts';
import { type Application, mountOf, routerOf } from './express-mounts.ts';
import { findRoute, type FoundRoute } from './express-routes.ts';
import type { AuditOptions } from './options.ts';
import { responseEnd } from './response-end.ts';
import { NO_ROUTE, operationOf, SHED } from './route-rule.ts';

export { AuditLogUnavailableError } from './audit-log-unavailable-error.ts';
export { auditRoute } from './express-routes.ts';
export type { AuditOptions, RecordedParts } from './options.ts';
export type { Route, RouteAudit } from './route-rule.ts';

export type SealogExpressOptions = AuditOptions<Request, Response>;

/** The middleware. Disposed of, after the server has been closed, it waits until every entry is completed, up to 10 s. */
export interface SealogExpress extends RequestHandler, AsyncDisposable {
  /**
   * For a service whose routes find out by themselves who asks, with the middleware behind that. Put first: a request
   * that is answered before it comes to the middleware, by 300 or more, leaves an entry too, begun when the answer has
   * been sent. One with 429 or 503 leaves none. One below 300 is an operation that nothing audits: it is logged at error.
   */
  readonly refusals: RequestHandler;
  /** Put last, before the service's own error handler: adds the code of what a handler threw to its entry. */
  readonly errors: ErrorRequestHandler;
  settled(): Promise<void>;
}

interface State {
  /** Set at once, so that a request has one entry also where it comes to the middleware twice at a time. */
  begun?: Promise<OpenEntry>;
  entry?: OpenEntry;
  thrown?: unknown;
}

// Of all that this makes: a request has one entry, in whatever application and router it is met again.
const states = new WeakMap<Request, State>();

function stateOf(request: Request): State {
  const state = states.get(request) ?? {};
  states.set(request, state);
  return state;
}

const errors: ErrorRequestHandler = (error: unknown, request, _response, next) => {
  const state = stateOf(request);
  state.thrown = error;
  if (state.entry) state.entry.thrown = error;
  next(error);
};

/**
 * @example
 * const audit = sealogExpress({ auditLog, actor: ({ user }) => ({ kind: 'user', id: user.id }) });
 * app.use(express.json(), identify, audit, requireUser, routes, audit.errors);
 */
export function sealogExpress(options: SealogExpressOptions): SealogExpress {
  checkOptions(options);
  // Routes are not known before their requests come. This one every application has, so its name must be a good one.
  operationOf({ method: 'POST', path: NO_ROUTE }, undefined, options);
  const auditor = createAuditor(options);
  const logger = options.logger ?? defaultLogger();
  const refused = new Set<Promise<void>>();

  const operationIdOf = (request: Request): string | undefined => {
    const { audit, ...route } = routeOf(request);
    return operationOf(route, audit, options);
  };
  const exchangeOf = (operationId: string, request: Request, response: Response): Exchange<Request, Response> => {
    const { id } = request as { id?: unknown };
    const facts = {
      id: typeof id === 'string' ? id : undefined,
      url: request.originalUrl,
      ip: request.ip,
      userAgent: request.get('user-agent'),
      query: () => request.query as unknown,
      body: () => request.body as unknown,
    };
    const { thrown } = stateOf(request);
    return { operationId, request, reply: response, response, facts, logger, thrown };
  };

  const begin = async (operationId: string, request: Request, response: Response): Promise<OpenEntry> => {
    const state = stateOf(request);
    const entry = await auditor.begin(exchangeOf(operationId, request, response)).catch((error: unknown) => {
      // Also where the service answers errors by a handler of its own.
      if (error instanceof AuditLogUnavailableError) response.set(error.headers);
      // Who asks could not be found out: it is refused.
      else delete state.begun;
      throw error;
    });
    state.entry = entry;
    if (options.entryIdHeader !== undefined && !response.headersSent) {
      response.setHeader(options.entryIdHeader, entry.id);
    }
    return entry;
  };
  /** Whether what is behind it may run. */
  const beginOnce = async (request: Request, response: Response): Promise<boolean> => {
    const operationId = operationIdOf(request);
    const wasAnswered = response.headersSent;
    if (operationId !== undefined) await (stateOf(request).begun ??= begin(operationId, request, response));
    // Something else has answered while the entry was begun, a time limit for one: the operation does not run.
    return wasAnswered || !response.headersSent;
  };
  const middleware: RequestHandler = async (request, response, next) => {
    let mayRun: boolean;
    try {
      mayRun = await beginOnce(request, response);
    } catch (error) {
      // Not thrown: Express 4, which is refused, would not catch it, and the process would end.
      next(error);
      return;
    }
    if (mayRun) next();
  };

  const recordRefused = async (exchange: Exchange<Request, Response>): Promise<void> => {
    try {
      await auditor.beginRefused(exchange);
    } catch (err) {
      refusalLost(logger, { operationId: exchange.operationId, err });
    }
  };
  const noteRefusal = async (operationId: string, request: Request, response: Response): Promise<void> => {
    const { status } = await responseEnd(response);
    if (stateOf(request).begun || SHED.has(status)) return;
    if (status < 300) return operationUnaudited(logger, { operationId });
    const recorded = recordRefused(exchangeOf(operationId, request, response)).finally(() => refused.delete(recorded));
    refused.add(recorded);
  };
  const refusals: RequestHandler = (request, response, next) => {
    const operationId = operationIdOf(request);
    if (operationId !== undefined) void noteRefusal(operationId, request, response);
    next();
  };

  const settled = async (): Promise<void> => {
    await Promise.all(refused);
    await auditor.settled();
  };
  return Object.assign(middleware, { refusals, errors, settled, [Symbol.asyncDispose]: settled });
}

/** The middleware runs before the router has chosen, so it looks the route up by itself. */
function routeOf({ app, baseUrl, path, method }: Request): FoundRoute {
  const application = app as unknown as Application;
  const url = baseUrl + path;
  const mount = mountOf(application, baseUrl, url);
  const found = findRoute(
    routerOf(application).stack,
    method,
    url.slice(mount.path.length) || '/',
    String(mount.pattern),
  );
  return found ?? { method, path: NO_ROUTE, audit: undefined };
}
