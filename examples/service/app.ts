import swagger from '@fastify/swagger';
import fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { AuditLog, Resource } from 'sealog';
import sealogFastify from 'sealog/fastify';
import { disks } from './disks.ts';
import { Problem } from './problem.ts';
import { sessions } from './sessions.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, if it is known. */
    user: string | undefined;
    /** What the request is about, for the audit log. */
    resource: Resource | undefined;
  }
}

export type Log = (event: string, fields: object) => void;

/** The whole service but its port. Every route that mutates is audited, under its `operationId` of OpenAPI. */
export async function buildApp({ auditLog, log }: { auditLog: AuditLog; log: Log }): Promise<FastifyInstance> {
  const app = fastify();
  app.decorateRequest('user', undefined);
  app.decorateRequest('resource', undefined);

  // A connection that is kept alive would keep a service that stops alive too.
  let stopping = false;
  app.addHook('preClose', async () => void (stopping = true));
  app.addHook('onSend', async (_request, reply) => void (stopping && reply.header('connection', 'close')));

  // Before the routes, so that none is missed.
  await app.register(sealogFastify, {
    auditLog,
    actor: ({ user }) => (user === undefined ? { kind: 'anonymous' } : { kind: 'user', id: user }),
    resource: ({ resource }) => resource,
    errorMessage: (error) => (error instanceof Problem ? error.message : undefined),
  });
  await app.register(swagger, { openapi: { info: { title: 'Disks', version: '1.0.0' } } });
  await app.register(sessions);
  await app.register(disks);
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());

  app.setErrorHandler<FastifyError>(async (error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500)
      log('service.failed', { method: request.method, path: request.routeOptions.url, code: error.code });
    const told = status === 500 ? { code: 'InternalError', message: 'it failed' } : error;
    return reply.code(status).send({ error: { code: told.code, message: told.message } });
  });
  return app;
}
