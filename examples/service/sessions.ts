import { randomBytes } from 'node:crypto';
import fastifyPlugin from 'fastify-plugin';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { Problem } from './problem.ts';

// A service of yours keeps hashes, in a database.
const PASSWORDS: ReadonlyMap<string, string> = new Map([
  ['alice', 'wonderland'],
  ['bob', 'builder'],
]);

async function register(app: FastifyInstance): Promise<void> {
  const users = new Map<string, string>();

  app.addHook('onRequest', async (request) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    // `x-user` is what a gateway in front would set. Nobody else reaches 127.0.0.1.
    const named = request.headers['x-user'];
    request.user = token === undefined ? (typeof named === 'string' && named) || undefined : users.get(token);
  });

  app.post<{ Body: { user: string; password: string } }>(
    '/login',
    {
      schema: {
        operationId: 'login',
        body: {
          type: 'object',
          required: ['user', 'password'],
          properties: { user: { type: 'string' }, password: { type: 'string' } },
        },
      },
    },
    async (request) => {
      const { user, password } = request.body;
      request.resource = { type: 'user', id: user };
      if (PASSWORDS.get(user) !== password) throw new Problem(401, 'WrongPassword', 'user or password is wrong');
      const token = randomBytes(24).toString('base64url');
      users.set(token, user);
      return { token };
    },
  );
}

/** Finds out who asks, and refuses nobody: that is each route's own business. */
export const sessions: FastifyPluginAsync = fastifyPlugin(register);
