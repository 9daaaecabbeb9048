/** How handlers of Fastify answer, fail and end, and what the service does about it. */
import { Readable } from 'node:stream';
import { setImmediate as tick } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Case } from './case.ts';
import { ON_SEND } from './fastify-refusals.ts';

type Did = (what: string) => void;
type Handler = (reply: FastifyReply, did: Did, request: FastifyRequest) => unknown;

const problem = (): Error => Object.assign(new Error('not so'), { statusCode: 409, code: 'CONFLICT' });

async function* failing(): AsyncGenerator<string> {
  yield 'begun';
  await tick();
  throw new Error('in the middle');
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  'returns an object': async () => ({ a: 1 }),
  'returns text': async () => 'text',
  'returns the reply': async (reply) => reply.code(201).header('location', '/1').send({ a: 1 }),
  'sends and returns nothing': async (reply) => {
    reply.code(202).send({ a: 1 });
  },
  'sends later': (reply) => void setImmediate(() => reply.send('later')),
  'returns no content': async (reply) => reply.code(204).send(),
  'returns nothing': async () => {},
  'returns null': async () => null,
  redirects: async (reply) => reply.redirect('/elsewhere', 303),
  'returns a stream': async () => Readable.from(['a', 'b']),
  'returns a stream that fails': async () => Readable.from(failing()),
  'returns a web stream': async () => Readable.toWeb(Readable.from([Buffer.from('a'), Buffer.from('b')])),
  'returns a Response': async () => new Response('of fetch', { status: 203, headers: { 'x-a': '1' } }),
  'returns a buffer': async () => Buffer.from('bytes'),
  'takes over the reply': (reply) => {
    reply.hijack();
    reply.raw.writeHead(202, { 'x-raw': '1' }).end('raw');
  },
  'takes over the reply, later': async (reply) => {
    reply.hijack();
    await tick();
    reply.raw.writeHead(202).write('r');
    await tick();
    reply.raw.end('aw');
  },
  'ends the response': (reply) => void reply.raw.writeHead(202).end('raw'),
  'sends trailers': async (reply) => reply.trailer('x-sum', async () => 'ab').send(Readable.from(['a', 'b'])),
  'sends early hints': async (reply) => {
    reply.writeEarlyHints({ link: '</style.css>; rel=preload' });
    await tick();
    return 'after hints';
  },
  'answers 400': async (reply) => reply.code(400).send({ a: 'no' }),
  'answers 503': async (reply) => reply.code(503).send('later'),
  throws: () => {
    throw problem();
  },
  rejects: async () => Promise.reject(problem()),
  'rejects with text': async () => Promise.reject('no error'),
  'sends an error': (reply) => void reply.send(problem()),
  'throws after its answer': async (reply) => {
    reply.send('first');
    throw problem();
  },
  'answers twice': async (reply, did) => {
    reply.send('first');
    await tick();
    reply.send('second');
    did('after');
  },
  'sends what cannot be sent, and goes on': async (reply, did) => {
    reply.type('text/html').send({ not: 'text' });
    did('after');
  },
  'sends what cannot be serialized': async () => ({ a: 1n }),
  'sets a header that cannot be sent': async (reply, did) => {
    reply.header('x-a', 'a\nb').send('text');
    did('after');
  },
  'calls the 404 handler': (reply) => {
    reply.callNotFound();
  },
  'sends a cookie twice': async (reply) => reply.header('set-cookie', 'a=1').header('set-cookie', 'b=2').send('text'),
};

const ON_ERROR: Readonly<Record<string, (scope: FastifyInstance, did: Did) => unknown>> = {
  'no error handler': () => {},
  'an error handler that sends': (scope, did) =>
    scope.setErrorHandler<Error>((error, _request, reply) => {
      did(`error handler: ${error.message}`);
      reply.code(422).send({ problem: true });
    }),
  'an async error handler, an async onError and a 404 handler': (scope, did) =>
    scope
      .addHook('onError', async () => did('onError'))
      .setErrorHandler(async (_error, _request, reply) => {
        await tick();
        return reply.code(423).send({ problem: true });
      })
      .setNotFoundHandler(async (_request, reply) => {
        await tick();
        return reply.code(410).send('gone');
      }),
  'an error handler that throws': (scope) =>
    scope.setErrorHandler(() => {
      throw Object.assign(new Error('again'), { statusCode: 500 });
    }),
};

/** Every handler with every error handler, and each of these with every `onSend`, in turns. */
export function answers(): Case[] {
  const cases: Case[] = [];
  const sending = Object.entries(ON_SEND);
  for (const [how, handler] of Object.entries(HANDLERS)) {
    for (const [failing_, onError] of Object.entries(ON_ERROR)) {
      const [named, onSend] = sending[(cases.length + Math.floor(cases.length / 4)) % sending.length]!;
      cases.push({
        entries: 1,
        name: `a handler that ${how}; ${failing_}, ${named}`,
        build(scope, did) {
          onSend(scope);
          onError(scope, did);
          scope.post('/', (request, reply) => {
            did('handler');
            return handler(reply, did, request);
          });
        },
      });
    }
  }
  return cases;
}
