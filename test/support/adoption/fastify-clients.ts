/** How clients send, and services on Fastify read. */
import { text } from 'node:stream/consumers';
import { setImmediate as tick } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Case } from './case.ts';
import { CLIENTS } from './client.ts';

type Did = (what: string) => void;

/** Leaves the body to the handler. */
function unparsed(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

const SERVICES: Readonly<Record<string, (scope: FastifyInstance, did: Did) => unknown>> = {
  'a handler that parses': (scope, did) =>
    scope.post('/', async ({ body }) => {
      did(`handler: ${JSON.stringify(body)}`);
      return { by: 'handler' };
    }),
  'a handler that works': (scope, did) =>
    scope.post('/', async () => {
      did('handler');
      for (let count = 0; count < 20; count++) await tick();
      did('done');
      return { by: 'handler' };
    }),
  'a handler that reads': (scope, did) => {
    unparsed(scope);
    scope.post('/', async ({ raw }) => {
      did('handler');
      return { read: await text(raw).catch(() => 'broken') };
    });
  },
  'a hook that measures and a handler that reads': (scope, did) => {
    unparsed(scope);
    scope.addHook('preParsing', (_request, _reply, payload, done) => {
      payload.on('data', () => {});
      done(null, payload);
    });
    scope.post('/', async ({ raw }) => {
      did('handler');
      return { read: await text(raw).catch(() => 'broken') };
    });
  },
  'a hook that refuses': (scope, did) => {
    scope.addHook('onRequest', async (_request: FastifyRequest, reply: FastifyReply) => {
      did('hook');
      reply.code(403).send({ by: 'hook' });
    });
    scope.post('/', async () => {
      did('handler');
      return { by: 'handler' };
    });
  },
};

export function clients(): Case[] {
  return Object.entries(SERVICES).flatMap(([service, build]) =>
    Object.entries(CLIENTS).map(([client, send]) => {
      const isGone = send === CLIENTS['a client that has closed its side'] && !service.includes('refuses');
      return {
        name: `${client}; ${service}`,
        build,
        send,
        isGone,
        isConcurrent: client === 'two requests at once',
        entries: undefined,
      };
    }),
  );
}
