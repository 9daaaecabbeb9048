/** What the types of the integrations admit and refuse. Checked by `npm run typecheck`; nothing runs it. */
import express, { type Request } from 'express';
import fastify, { type FastifyRequest } from 'fastify';
import { createAuditLog } from 'sealog';
import { auditRoute, sealogExpress, type SealogExpressOptions } from 'sealog/express';
import sealogFastify, { type SealogFastifyOptions } from 'sealog/fastify';
import { checkAuditCoverage, expressService, fastifyService, openApiService } from 'sealog/testing';

const auditLog = createAuditLog({ connectionString: 'postgres://db/app' });
const actor = () => ({ kind: 'anonymous' }) as const;

export const ofFastify: readonly SealogFastifyOptions[] = [
  { auditLog, actor: async ({ headers }: FastifyRequest) => ({ kind: 'user', id: String(headers['x-user']) }) },
  { auditLog, actor, tenant: () => undefined, errorMessage: (error) => (error instanceof Error ? error.message : '') },
  { auditLog, actor, resource: (_request, reply) => ({ type: 'disk', id: String(reply?.getHeader('location')) }) },
  // @ts-expect-error somebody asks
  { auditLog },
  // @ts-expect-error a user has an id
  { auditLog, actor: () => ({ kind: 'user' }) },
  // @ts-expect-error the first call has no reply yet
  { auditLog, actor, details: (_request, reply) => ({ status: reply.statusCode }) },
  // @ts-expect-error a thrown value is unknown
  { auditLog, actor, errorMessage: (error) => error.message },
  // @ts-expect-error names are text
  { auditLog, actor, record: { redact: [/pin/] } },
];

export const ofExpress: readonly SealogExpressOptions[] = [
  { auditLog, actor: (request: Request) => ({ kind: 'user', id: request.get('x-user') ?? 'nobody' }) },
  // @ts-expect-error the request is that of Express
  { auditLog, actor: (request: FastifyRequest) => ({ kind: 'user', id: request.id }) },
];

export async function routes(): Promise<void> {
  const app = fastify();
  await app.register(sealogFastify, { auditLog, actor });
  app.get('/a', { config: { audit: { operationId: 'a' } } }, async () => '');
  // @ts-expect-error a route is left out for a reason
  app.post('/b', { config: { audit: { skip: true } } }, async () => '');
  // @ts-expect-error a name or a reason
  app.post('/c', { config: { audit: {} } }, async () => '');
  const audit = sealogExpress({ auditLog, actor });
  const service = express()
    .use(audit.refusals, audit)
    .post('/a', auditRoute({ skip: 'a test' }))
    .use(audit.errors);
  // @ts-expect-error a name or a reason, not both
  auditRoute({ operationId: 'a', skip: 'a test' });

  const { routes: covered, succeeded } = await checkAuditCoverage({
    service: fastifyService(app),
    auditLog,
    login: async (call) => ({ cookie: (await call({ path: '/login', body: { user: 'alice' } })).cookie }),
    anonymous: { 'POST /login': 'nobody is known yet' },
  });
  await checkAuditCoverage({
    service: expressService(service),
    auditLog,
    examples: { [String(covered[0]?.name)]: { body: succeeded } },
  });
  await checkAuditCoverage({
    service: openApiService({ paths: {} }, { url: '' }),
    auditLog,
    allow: { 'POST /a': 'why' },
  });
  // @ts-expect-error headers are text
  await checkAuditCoverage({ service: fastifyService(app), auditLog, login: () => ({ cookie: undefined }) });
  // @ts-expect-error an exception has a reason
  await checkAuditCoverage({ service: fastifyService(app), auditLog, allow: ['POST /a'] });
  // @ts-expect-error of the other framework
  fastifyService(service);
  // @ts-expect-error of the other framework
  expressService(app);
}
