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
import { hookAnswerLost, operationUnaudited, refusalLost } from '../events.ts';
import { defaultLogger } from '../logger.ts';
import { isUnavailable } from './audit-log-unavailable-error.ts';
import { createAuditor } from './auditor.ts';
import { checkOptions } from './check-options.ts';
import { reportSafely } from './describe-request.ts';
import type { Exchange } from './exchange.ts';
import { type Application, mountOf, routerOf } from './express-mounts.ts';
import { findRoute, type FoundRoute } from './express-routes.ts';
import { stateOf } from './express-state.ts';
import type { AuditOptions } from './options.ts';
import { refusingError } from './refusing-error.ts';
import { readNow } from './request-facts.ts';
import { answerOf } from './response-end.ts';
import { begunRequests, foundRoutes, NO_ROUTE, operationOf } from './route-rule.ts';

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

  const operationIdOf = (request: Request): string | undefined => {
    const { audit, ...route } = routeOf(request);
    const operationId = operationOf(route, audit, options);
    const state = stateOf(request);
    state.logger = logger;
    if (!state.begun) foundRoutes.set(request, route);
    if (operationId !== undefined) state.ip ??= readNow(() => request.ip);
    return operationId;
  };
  const exchangeOf = (operationId: string, request: Request, response: Response): Exchange<Request, Response> => {
    const { id } = request as { id?: unknown };
    const facts = {
      id: typeof id === 'string' ? id : undefined,
      url: request.originalUrl,
      ip: () => stateOf(request).ip?.(),
      userAgent: request.get('user-agent'),
      query: () => request.query as unknown,
      body: () => request.body as unknown,
    };
    return { operationId, request, reply: response, response, facts, logger };
  };

  const begin = async (operationId: string, request: Request, response: Response): Promise<void> => {
    const state = stateOf(request);
    try {
      state.entry = await auditor.begin(exchangeOf(operationId, request, response));
    } catch (error) {
      // Who asks could not be found out: it is refused.
      if (!isUnavailable(error)) delete state.begun;
      // Also where the service answers errors by a handler of its own.
      else if (!response.headersSent) response.set(error.headers);
      throw error;
    }
    state.entry.thrown = state.thrown;
    if (options.entryIdHeader !== undefined && !response.headersSent) {
      response.setHeader(options.entryIdHeader, state.entry.id);
    }
  };
  /** Whether what is behind it may run. */
  const beginOnce = async (operationId: string, request: Request, response: Response): Promise<boolean> => {
    const wasAnswered = response.headersSent;
    const wasGone = isBodyGone(request);
    // By a time limit for example: nothing has to be done any more.
    const isRefused = (): boolean => !wasAnswered && response.headersSent && response.statusCode >= 400;
    try {
      await (stateOf(request).begun ??= begin(operationId, request, response));
      begunRequests.add(request);
      if (isRefused()) return false;
      if (!wasGone && isBodyGone(request)) throw abortedError();
      return true;
    } catch (error) {
      if (!isRefused() && !response.writableEnded) throw error;
      noteLost(operationId, request, response, error);
      return false;
    }
  };
  /** All that an error handler can do behind an answer is to end the connection, and the next request is on that. */
  const noteLost = (operationId: string, request: Request, response: Response, err: unknown): void => {
    const { entry, hasRefusals } = stateOf(request);
    if (entry || (hasRefusals && !isUnavailable(err))) return;
    const status = response.statusCode;
    reportSafely(() => (status < 400 ? hookAnswerLost : refusalLost)(logger, { operationId, status, err }));
  };
  const middleware: RequestHandler = async (request, response, next) => {
    try {
      const operationId = operationIdOf(request);
      if (operationId !== undefined && !(await beginOnce(operationId, request, response))) return;
    } catch (error) {
      // Not thrown: Express 4, which is refused, would not catch it, and the process would end.
      next(refusingError(error));
      return;
    }
    next();
  };

  const noteRefusal = async (operationId: string, request: Request, response: Response): Promise<void> => {
    const state = stateOf(request);
    state.isWatched = true;
    state.hasRefusals = true;
    try {
      const end = await answerOf(response).ended;
      await state.begun?.catch(() => {});
      if (state.begun) return;
      if (end.status < 300) reportSafely(() => operationUnaudited(logger, { operationId }));
      else auditor.recordAnswered(exchangeOf(operationId, request, response), end, state.thrown);
    } catch (err) {
      // Nothing waits for this, so what is thrown here would end the process.
      reportSafely(() => refusalLost(logger, { operationId, status: response.statusCode, err }));
    }
  };
  const refusals: RequestHandler = (request, response, next) => {
    try {
      const operationId = operationIdOf(request);
      if (operationId !== undefined) void noteRefusal(operationId, request, response);
    } catch (error) {
      next(refusingError(error));
      return;
    }
    next();
  };

  const settled = (): Promise<void> => auditor.settled();
  return Object.assign(middleware, { refusals, errors, settled, [Symbol.asyncDispose]: settled });
}

/**
 * The connection has ended, and there is a body that was not read. Parsers take such a request for one without a body,
 * and handlers would run as if nothing had been sent.
 */
function isBodyGone({ headers, readableEnded, socket }: Request): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody && !readableEnded && !socket.readable;
}

/** The one with which parsers refuse it when they see the connection end. */
function abortedError(): Error {
  const fields = { status: 400, statusCode: 400, code: 'ECONNABORTED', type: 'request.aborted', expose: true };
  return Object.assign(new Error('request aborted'), fields);
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
