/**
 * A small service on sealog: disks, kept in memory, and an audit log of everything that is done to them.
 *
 * The entry of an operation is begun before it runs and completed after. When it cannot be begun, the operation does
 * not run and the client is told 503: nothing happens that the audit log does not know of. Reading is not audited.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Actor, createAuditLog } from 'sealog';
import { type Answer, type Route, routes } from './disks.ts';

const connectionString = process.env['DATABASE_URL'];
if (!connectionString) {
  process.stderr.write('DATABASE_URL: expected the URL of a PostgreSQL that `sealog migrate` has prepared\n');
  process.exit(2);
}
await using auditLog = createAuditLog({ connectionString });

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [pathname = ''] = (request.url ?? '').split('?');
  const route = routes.find(({ method, path }) => method === request.method && path.test(pathname));
  const id = route?.path.exec(pathname)?.[1] ?? '';
  if (!route) send(response, failure(404, 'NotFound', 'there is no such operation'));
  else if (route.operationId === undefined) send(response, await route.run(id));
  else send(response, await audited(request, route.operationId, () => route.run(id)));
}

async function audited(request: IncomingMessage, operationId: string, run: () => ReturnType<Route['run']>) {
  let entry;
  try {
    entry = await auditLog.begin({
      operationId,
      actor: actorOf(request),
      requestUri: request.url,
      sourceIp: request.socket.remoteAddress,
      userAgent: request.headers['user-agent'],
    });
  } catch (error) {
    log('service.refused', { operationId, reason: String(error) });
    return failure(503, 'AuditLogUnavailable', 'not done, because it could not be audited: try again later');
  }

  let answer: Answer;
  try {
    answer = await run();
  } catch (error) {
    log('service.failed', { operationId, reason: String(error) });
    answer = failure(500, 'InternalError', 'the operation failed');
  }

  try {
    await auditLog.complete(entry.id, completionOf(answer));
  } catch (error) {
    // What is done is done, so the client is told. The worker completes the entry, which readers then see as `unknown`.
    log('service.outcome-not-recorded', { entryId: entry.id, reason: String(error) });
  }
  return answer;
}

function completionOf(answer: Answer) {
  const { status: httpStatusCode, resource } = answer;
  if ('error' in answer) return { kind: 'error', httpStatusCode, resource, ...answer.error } as const;
  return { kind: 'success', httpStatusCode, resource } as const;
}

// A service of yours knows who asks from its own authentication.
function actorOf({ headers: { 'x-user': user } }: IncomingMessage): Actor {
  return typeof user === 'string' && user !== '' ? { kind: 'user', id: user } : { kind: 'anonymous' };
}

function failure(status: number, code: string, message: string): Answer {
  return { status, error: { code, message } };
}

function send(response: ServerResponse, answer: Answer): void {
  const body = 'error' in answer ? { error: answer.error } : answer.body;
  response.writeHead(answer.status, body && { 'content-type': 'application/json' });
  response.end(body && `${JSON.stringify(body)}\n`);
}

function log(event: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

const server = createServer((request, response) => void handle(request, response));
// On this machine only: this service believes whatever its clients say they are.
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
await once(server, 'listening');
const address = server.address();
log('service.listening', { port: typeof address === 'object' ? address?.port : address });

// What is in flight is finished, and its outcome recorded, before the pool of the audit log is closed.
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
server.close();
await once(server, 'close');
