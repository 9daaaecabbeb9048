import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SealogError } from '../errors.ts';
import { httpError } from '../worker/events.ts';
import type { Logger } from '../logger.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** The same in other forms, by media type: for clients whose `Accept` names it. */
  readonly alternatives?: Readonly<Record<string, Pick<HttpAnswer, 'contentType' | 'body'>>>;
}

/** What answers `GET` on a path. */
export type HttpRoute = () => Promise<HttpAnswer>;

export interface HttpServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly routes: ReadonlyMap<string, HttpRoute>;
  readonly logger: Logger;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

export class HttpServerError extends SealogError {
  override readonly name = 'HttpServerError';
  readonly code = 'SEALOG_HTTP_SERVER';
}

/** Far more than probes and scrapers need. */
const MAX_CONNECTIONS = 32;

/**
 * A server for probes and scrapers. Nothing that a client does can hurt the worker: connections, headers and the time
 * for both are bounded, a connection has one request, bodies are not read, and requests for the same path at the same
 * time share one answer.
 *
 * Throws {@link HttpServerError} when the address cannot be had.
 */
export async function startHttpServer({ host, port, routes, logger }: HttpServerOptions): Promise<HttpServer> {
  const answer = sharedAnswers(routes);
  const asked = new WeakSet<Socket>();
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: 5000,
      requestTimeout: 5000,
      keepAliveTimeout: 5000,
      // Every 30 s otherwise: for so long a few clients that send a byte now and then would keep the probes out.
      connectionsCheckingInterval: 1000,
      insecureHTTPParser: false,
    },
    (request, response) => {
      // One request a connection, and the answer says so. Whoever pipelines thousands of them would have as many
      // answers kept for it until it reads.
      if (asked.has(request.socket)) return void request.socket.destroy();
      asked.add(request.socket);
      respond(request, response, answer).catch((err: unknown) => {
        httpError(logger, { path: request.url ?? '', err });
        response.destroy();
      });
    },
  );
  displaceOldest(server, MAX_CONNECTIONS);
  server.timeout = 10_000;
  try {
    await once(server.listen(port, host), 'listening');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why =
      code === 'EADDRINUSE' ? 'is in use: set SEALOG_HTTP_PORT, or 0 for a free one' : `cannot be had: ${message}`;
    throw new HttpServerError(`http: ${host}:${port} ${why}`, { cause });
  }
  // A connection that cannot be accepted, for want of file descriptors: without a listener it would end the worker.
  server.on('error', (err) => httpError(logger, { path: '', err }));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

/** A newcomer takes the place of whoever came first: so clients that hold on and come again keep no probe out. */
function displaceOldest(server: Server, max: number): void {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    if (sockets.size > max) sockets.values().next().value?.destroy();
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (path: string) => Promise<HttpAnswer> | undefined,
): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const found = answer(path);
  if (!found) return send(response, text(404, 'not found'));
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, text(405, 'only GET is answered'));
  send(response, inAcceptedForm(await found, request.headers.accept ?? ''));
}

function inAcceptedForm(answer: HttpAnswer, accept: string): HttpAnswer {
  const accepted = accept.toLowerCase();
  const form = Object.entries(answer.alternatives ?? {}).find(([mediaType]) => accepted.includes(mediaType));
  return form ? { ...answer, ...form[1] } : answer;
}

function send(response: ServerResponse, { status, contentType, body }: HttpAnswer): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    // A body that was sent along was not read, so the connection cannot be used again.
    connection: 'close',
  });
  response.end(body);
}

function text(status: number, body: string): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function sharedAnswers(routes: ReadonlyMap<string, HttpRoute>): (path: string) => Promise<HttpAnswer> | undefined {
  const underWay = new Map<string, Promise<HttpAnswer>>();
  return (path) => {
    const route = routes.get(path);
    if (!route) return undefined;
    let answer = underWay.get(path);
    if (!answer) {
      answer = route().finally(() => underWay.delete(path));
      underWay.set(path, answer);
    }
    return answer;
  };
}
