/**
 * sealog in Express 5: a middleware that begins an entry for every request that mutates, and completes it when the
 * answer has been sent.
 *
 * Its place is behind what finds out who asks and parses bodies, and before what refuses and what handles: nothing
 * before it is audited. When the entry cannot be begun nothing behind it runs, and the client is told 503. A request
 * to a path that is no route is audited too, as `POST (no route)`, because any middleware may handle it.
 */
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { defaultLogger } from '../logger.ts';
import { AuditLogUnavailableError } from './audit-log-unavailable-error.ts';
import { createAuditor, type OpenEntry } from './auditor.ts';
import { checkOptions } from './check-options.ts';
import { type Application, mountOf } from './express-mounts.ts';
import { findRoute, type FoundRoute } from './express-routes.ts';
import type { AuditOptions } from './options.ts';
import { NO_ROUTE, operationOf } from './route-rule.ts';

export { AuditLogUnavailableError } from './audit-log-unavailable-error.ts';
export { auditRoute } from './express-routes.ts';
export type { AuditOptions, RecordedParts } from './options.ts';
export type { Route, RouteAudit } from './route-rule.ts';

export type SealogExpressOptions = AuditOptions<Request, Response>;

/** The middleware. Disposed of, after the server has been closed, it waits until every entry is completed, up to 10 s. */
export interface SealogExpress extends RequestHandler, AsyncDisposable {
  /** Put last, before the service's own error handler: adds the code of what a handler threw to its entry. */
  readonly errors: ErrorRequestHandler;
  settled(): Promise<void>;
}

// Of all that this makes: a request has one entry, in whatever application and router it is met again.
const begun = new WeakMap<Request, Promise<OpenEntry>>();
const entries = new WeakMap<Request, OpenEntry>();

const errors: ErrorRequestHandler = (error: unknown, request, _response, next) => {
  const entry = entries.get(request);
  if (entry) entry.thrown = error;
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

  const middleware: RequestHandler = async (request, response, next) => {
    const { audit, ...route } = routeOf(request);
    const operationId = operationOf(route, audit, options);
    if (operationId !== undefined && !entries.has(request)) {
      const { id } = request as { id?: unknown };
      const facts = {
        id: typeof id === 'string' ? id : undefined,
        url: request.originalUrl,
        ip: request.ip,
        userAgent: request.get('user-agent'),
        query: () => request.query as unknown,
        body: () => request.body as unknown,
      };
      const exchange = { operationId, request, reply: response, response, facts, logger };
      const wasAnswered = response.headersSent;
      const wasGone = isBodyGone(request);
      // Kept before it is awaited: whoever passes twice meanwhile waits for the same entry.
      const beginning = begun.get(request) ?? auditor.begin(exchange);
      begun.set(request, beginning);
      const entry = await beginning.catch((error: unknown) => {
        // Also where the service answers errors by a handler of its own.
        if (error instanceof AuditLogUnavailableError && !response.headersSent) response.set(error.headers);
        throw error;
      });
      entries.set(request, entry);
      // Refused meanwhile, by a time limit for example: nothing has to be done any more.
      if (!wasAnswered && response.headersSent && response.statusCode >= 400) return;
      if (!wasGone && isBodyGone(request)) throw abortedError();
      if (options.entryIdHeader !== undefined && !response.headersSent) {
        response.setHeader(options.entryIdHeader, entry.id);
      }
    }
    next();
  };
  const settled = (): Promise<void> => auditor.settled();
  return Object.assign(middleware, { errors, settled, [Symbol.asyncDispose]: settled });
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
  const found = findRoute(application.router.stack, method, url.slice(mount.path.length) || '/', String(mount.pattern));
  return found ?? { method, path: NO_ROUTE, audit: undefined };
}
