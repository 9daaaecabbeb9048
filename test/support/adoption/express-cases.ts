/** How services on Express refuse, answer, fail and end. Each case has a router of its own. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { setImmediate as tick } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import express, { type ErrorRequestHandler, type RequestHandler, type Response, type Router } from 'express';
import type { CaseOf } from './case.ts';
import { CLIENTS } from './client.ts';

type Did = (what: string) => void;

export type ExpressCase = CaseOf<Scope>;

/** Where a case adds what it needs: in front of the audit log, and behind it. */
export interface Scope {
  readonly before: Pick<Router, 'use'>;
  readonly router: Router;
}

const problem = (): Error => Object.assign(new Error('not so'), { status: 409, code: 'CONFLICT' });

type Middleware = (did: Did, payload: (response: Response) => unknown) => RequestHandler;

const send = (response: Response, payload: (response: Response) => unknown): void => {
  response.status(403).set('x-by', 'middleware');
  payload(response);
};

const REFUSALS: Readonly<Record<string, Middleware>> = {
  answers: (_did, payload) => (_request, response) => send(response, payload),
  'answers and calls next': (_did, payload) => (_request, response, next) => {
    send(response, payload);
    next();
  },
  'answers later': (_did, payload) => (_request, response) => void setImmediate(() => send(response, payload)),
  'is async and answers': (_did, payload) => async (_request, response) => {
    await tick();
    send(response, payload);
  },
  'is async, answers and calls next': (_did, payload) => async (_request, response, next) => {
    await tick();
    send(response, payload);
    next();
  },
  'calls next with an error': () => (_request, _response, next) => next(problem()),
  'calls next twice': () => (_request, _response, next) => {
    next();
    next();
  },
  'calls the next route': () => (_request, _response, next) => next('route'),
  'leaves the router': () => (_request, _response, next) => next('router'),
  throws: () => () => {
    throw problem();
  },
  rejects: () => async () => Promise.reject(problem()),
  'answers and throws': (_did, payload) => (_request, response) => {
    send(response, payload);
    throw problem();
  },
  'passes on': () => (_request, _response, next) => next(),
};

const PAYLOADS: Readonly<Record<string, (response: Response) => unknown>> = {
  'an object': (response) => response.json({ by: 'middleware' }),
  text: (response) => response.send('by middleware'),
  nothing: (response) => response.end(),
  'a redirect': (response) => response.redirect(303, '/elsewhere'),
};

const PASSES = new Set(['passes on', 'calls next twice', 'answers and calls next', 'is async, answers and calls next']);

/** Whether the middleware is met before the audit log or behind it. */
const PLACES = ['before', 'router'] as const;

export const ANSWERS: Readonly<Record<string, (response: Response, did: Did) => unknown>> = {
  'sends an object': (response) => response.status(201).json({ by: 'handler' }),
  'sends text': (response) => response.send('text'),
  'sends a buffer': (response) => response.send(Buffer.from('bytes')),
  'sends later': (response) => void setImmediate(() => response.send('later')),
  'is async': async (response) => {
    await tick();
    response.status(202).send('async');
  },
  ends: (response) => response.status(204).end(),
  writes: (response) => {
    response.writeHead(202, { 'x-a': '1' }).write('a');
    setImmediate(() => response.end('b'));
  },
  pipes: (response) => Readable.from(['a', 'b']).pipe(response),
  'pipes what fails': async (response) =>
    pipeline(
      Readable.from(
        (async function* failing() {
          yield 'begun';
          await tick();
          throw new Error('in the middle');
        })(),
      ),
      response,
    ),
  'sends a file': (response) => response.sendFile(fileURLToPath(new URL('../../../tsconfig.json', import.meta.url))),
  'sends trailers': (response) => {
    response.set('trailer', 'x-sum').write('ab');
    response.addTrailers({ 'x-sum': 'ab' });
    response.end();
  },
  redirects: (response) => response.redirect(303, '/elsewhere'),
  'answers 400': (response) => response.status(400).json({ a: 'no' }),
  'answers 503': (response) => response.sendStatus(503),
  throws: () => {
    throw problem();
  },
  rejects: async () => Promise.reject(problem()),
  'throws after its answer': (response) => {
    response.send('first');
    throw problem();
  },
  'answers twice': (response, did) => {
    response.send('first');
    response.send('second');
    did('after');
  },
  'sends what cannot be serialized': (response) => response.json({ a: 1n }),
  'sets a header that cannot be sent': (response, did) => {
    response.set('x-a', 'a\nb');
    did('after');
  },
  'sends a cookie twice': (response) => response.cookie('a', '1').cookie('b', '2').send('text'),
};

const ON_ERROR: Readonly<Record<string, ((did: Did) => ErrorRequestHandler) | undefined>> = {
  'no error handler': undefined,
  'an error handler that sends': (did) => (error: Error, _request, response, next) => {
    did(`error handler: ${error.message}`);
    if (response.headersSent) next(error);
    else response.status(422).json({ problem: true });
  },
  'an async error handler': (did) => async (error, _request, response, next) => {
    await tick();
    did('error handler');
    if (response.headersSent) next(error);
    else response.status(423).send('problem');
  },
  'an error handler that throws': () => () => {
    throw Object.assign(new Error('again'), { status: 500 });
  },
};

export function refusals(): ExpressCase[] {
  const cases: ExpressCase[] = [];
  for (const [how, middleware] of Object.entries(REFUSALS)) {
    for (const [what, payload] of Object.entries(PAYLOADS)) {
      for (const place of PLACES) {
        const { length } = cases;
        const [failing, onError] = Object.entries(ON_ERROR)[(length + Math.floor(length / 4)) % 4]!;
        cases.push({
          name: `a middleware that ${how} ${place === 'before' ? 'in front of' : 'behind'} it: ${what}; ${failing}`,
          // In front of the audit log it is not audited, unless it passes on.
          entries: place === 'router' || PASSES.has(how) ? 1 : undefined,
          build(scope, did) {
            scope[place].use((request, response, next) => {
              did('middleware');
              return middleware(did, payload)(request, response, next);
            });
            scope.router.post('/', (_request, response) => {
              did('handler');
              // A handler that does its work, whatever has been answered.
              if (!response.headersSent) response.status(201).json({ by: 'handler' });
            });
            if (onError) scope.router.use(onError(did));
          },
        });
      }
    }
  }
  return cases;
}

export function answers(): ExpressCase[] {
  return Object.entries(ANSWERS).flatMap(([how, handler]) =>
    Object.entries(ON_ERROR).map(([failing, onError]) => ({
      name: `a handler that ${how}; ${failing}`,
      entries: 1 as const,
      build({ router }: Scope, did: Did) {
        router.post('/', (_request, response) => {
          did('handler');
          return handler(response, did);
        });
        if (onError) router.use(onError(did));
      },
    })),
  );
}

const READERS: Readonly<Record<string, (scope: Scope, did: Did) => unknown>> = {
  'a handler that parses': ({ router }, did) =>
    router.post('/', express.json(), (request, response) => {
      did(`handler: ${JSON.stringify(request.body)}`);
      response.json({ by: 'handler' });
    }),
  'a handler that works': ({ router }, did) =>
    router.post('/', async (_request, response) => {
      did('handler');
      for (let count = 0; count < 20; count++) await tick();
      did('done');
      response.json({ by: 'handler' });
    }),
  'a handler that reads': ({ router }, did) =>
    router.post('/', async (request, response) => {
      did('handler');
      response.json({ read: await text(request).catch(() => 'broken') });
    }),
  'a middleware that measures and a handler that reads': ({ before, router }, did) => {
    before.use((request, _response, next) => {
      request.on('data', () => {});
      next();
    });
    router.post('/', async (request, response) => {
      did('handler');
      response.json({ read: await text(request).catch(() => 'broken') });
    });
  },
  'a middleware that refuses': ({ before, router }, did) => {
    before.use((_request, response) => void response.status(403).json({ by: 'middleware' }));
    router.post('/', () => did('handler'));
  },
};

export function clients(): ExpressCase[] {
  return Object.entries(READERS).flatMap(([reader, build]) =>
    Object.entries(CLIENTS).map(([client, send_]) => {
      const isGone = /closed its side|goes away|bytes behind/.test(client) && !reader.includes('refuses');
      return {
        name: `${client}; ${reader}`,
        build,
        send: send_,
        isGone,
        isConcurrent: client === 'two requests at once',
        entries: undefined,
      };
    }),
  );
}
