/** How hooks of Fastify answer instead of the handler. */
import { Readable } from 'node:stream';
import { setImmediate as tick } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Case } from './case.ts';

type Done = (error?: Error) => void;
type Answering = (reply: FastifyReply) => FastifyReply;

/** The body of a hook. One that takes `done` is one with a callback. */
type Style = (reply: FastifyReply, answer: Answering, done: Done) => unknown;

const teapot = (): Error => Object.assign(new Error('refused'), { statusCode: 418, code: 'TEAPOT' });

const STYLES: Readonly<Record<string, Style>> = {
  'async, returns the reply': async (reply, answer) => answer(reply),
  'async, returns nothing': async (reply, answer) => {
    answer(reply);
  },
  'async, waits and returns the reply': async (reply, answer) => {
    await tick();
    return answer(reply);
  },
  'async, waits and returns nothing': async (reply, answer) => {
    await tick();
    answer(reply);
  },
  'async, throws': async () => {
    throw teapot();
  },
  'async, sends an error and returns nothing': async (reply) => {
    reply.send(teapot());
  },
  'async, redirects and returns nothing': async (reply) => {
    reply.redirect('/elsewhere', 303);
  },
  'async, takes over the reply': async (reply) => {
    reply.hijack();
    reply.raw.writeHead(403).end('raw');
  },
  'async, ends the response': async (reply) => {
    reply.raw.writeHead(403).end('raw');
  },
  'async, returns the 404 handler': async (reply) => reply.callNotFound(),
  'callback, sends': (reply, answer, _done) => {
    answer(reply);
  },
  'callback, sends and calls done': (reply, answer, done) => {
    answer(reply);
    done();
  },
  'callback, sends later': (reply, answer, _done) => {
    setImmediate(() => answer(reply));
  },
  'callback, gives done an error': (_reply, _answer, done) => done(teapot()),
  'callback, throws': (_reply, _answer, _done) => {
    throw teapot();
  },
};

const PAYLOADS: Readonly<Record<string, () => unknown>> = {
  'an object': () => ({ by: 'hook' }),
  text: () => 'by hook',
  nothing: () => undefined,
  'a buffer': () => Buffer.from('by hook'),
  'a stream': () => Readable.from(['by ', 'hook']),
};

/** What the service itself does to every answer. */
export const ON_SEND: Readonly<Record<string, (scope: FastifyInstance) => unknown>> = {
  'no onSend': () => {},
  'an onSend with a callback': (scope) =>
    scope.addHook('onSend', (_request, reply, _payload, done) => {
      reply.header('x-sent', 'callback');
      done();
    }),
  'an async onSend': (scope) =>
    scope.addHook('onSend', async (_request, reply) => {
      reply.header('x-sent', 'async');
    }),
  'two async onSend': (scope) =>
    scope
      .addHook('onSend', async () => {})
      .addHook('onSend', async (_request, reply) => void reply.header('x-sent', '2')),
  'an async preSerialization': (scope) => scope.addHook('preSerialization', async () => {}),
  'an onSend that waits': (scope) =>
    scope.addHook('onSend', async (_request, reply) => {
      await tick();
      reply.header('x-sent', 'late');
    }),
};

export const HANDLERS: Readonly<Record<string, (reply: FastifyReply) => unknown>> = {
  async: async () => ({ by: 'handler' }),
  'with a callback': (reply) => void reply.send({ by: 'handler' }),
  'that waits': async (reply) => {
    await tick();
    return reply.code(201).send({ by: 'handler' });
  },
};

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const;

function hookOf(name: string, style: Style, answer: Answering, did: (what: string) => void): never {
  const called = (reply: FastifyReply, done?: Done): unknown => {
    did('hook');
    const answered = (to: FastifyReply): FastifyReply => {
      did('answers');
      return answer(to);
    };
    return style(reply, answered, done ?? (() => {}));
  };
  if (style.length < 3) return (async (_request: unknown, reply: FastifyReply) => await called(reply)) as never;
  return (
    name === 'preParsing'
      ? (_request: unknown, reply: FastifyReply, _payload: unknown, done: Done) => void called(reply, done)
      : (_request: unknown, reply: FastifyReply, done: Done) => void called(reply, done)
  ) as never;
}

/** Every hook in every style with every `onSend`; statuses, payloads and the rest take turns. */
export function refusals(): Case[] {
  const cases: Case[] = [];
  const turn = <T>(of: Readonly<Record<string, T>>, by: number): readonly [string, T] =>
    Object.entries(of)[by % Object.keys(of).length]!;
  for (const [style, answers] of Object.entries(STYLES)) {
    for (const hook of HOOKS) {
      for (const [sending, onSend] of Object.entries(ON_SEND)) {
        const { length } = cases;
        const [what, payload] = turn(PAYLOADS, length);
        const [kind, handler] = turn(HANDLERS, length + Math.floor(length / 5));
        const status = [401, 403, 409, 201][Math.floor(length / 3) % 4]!;
        const isOfRoute = length % 2 === 0;
        cases.push({
          entries: 1,
          name: `${hook}, ${style}: ${status}, ${what}; ${sending}, handler ${kind}`,
          isRefused: true,
          build(scope, did) {
            const answer: Answering = (reply) => reply.code(status).header('x-by', 'hook').send(payload());
            const refuse = hookOf(hook, answers, answer, did);
            const later = async (): Promise<void> => did('later hook');
            onSend(scope);
            scope.addHook('onRequest', async () => {});
            if (!isOfRoute) scope.addHook(hook as 'onRequest', refuse);
            scope.addHook('preHandler', later);
            scope.post('/', { ...(isOfRoute && { [hook]: refuse }) }, (_request, reply) => {
              did('handler');
              return handler(reply);
            });
          },
        });
      }
    }
  }
  return cases;
}
