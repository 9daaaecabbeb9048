import { InvalidArgumentError } from '../../errors.ts';
import { declaredRoutes } from '../fastify-routes.ts';
import type { AuditedService, TestRequest } from './service.ts';

/** What is needed of a Fastify application: it is called without a port. */
export interface FastifyApplication {
  readonly server: object;
  ready(): PromiseLike<unknown>;
  inject(request: {
    readonly method: 'POST';
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly payload?: string | Buffer;
  }): PromiseLike<{ readonly statusCode: number }>;
}

/** The routes of a Fastify application in which `sealog/fastify` is registered. It stays open. */
export function fastifyService(app: FastifyApplication): AuditedService {
  return {
    async connect() {
      await app.ready();
      const routes = declaredRoutes(app);
      if (!routes) throw new InvalidArgumentError('app', 'an application with sealog/fastify registered', 'none');
      const send = async ({ method, url, headers, body }: TestRequest): Promise<number> => {
        const payload = body === undefined ? {} : { payload: typeof body === 'string' ? body : Buffer.from(body) };
        // The type is that of light-my-request, which takes every method.
        const { statusCode } = await app.inject({ method: method as 'POST', url, headers, ...payload });
        return statusCode;
      };
      return { routes, problems: [], send, async [Symbol.asyncDispose]() {} };
    },
  };
}
