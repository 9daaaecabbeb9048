/** A service on Express does what it did before it was audited, in every way in which it refuses, answers and fails. */
import { describe } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { sealogExpress } from '../../src/integrations/express.ts';
import { compareAll, type Start } from '../support/adoption/compare.ts';
import { answers, clients, refusals, type Scope } from '../support/adoption/express-cases.ts';
import { pathOf } from '../support/adoption/run.ts';

const start: Start<Scope> = async (cases, effects, audit) => {
  const middleware = audit && sealogExpress({ ...audit, actor: () => ({ kind: 'user', id: 'u1' }) });
  // An application each: behind a hundred routers Express waits by itself.
  const apps = cases.map(({ build }, index) => {
    const app = express();
    // What Express would print of an error.
    app.set('env', 'test');
    const router = express.Router();
    // No router in front: Express waits when it leaves one.
    build({ before: app, router }, (what) => effects[index]!.push(what));
    return app.use(pathOf(index), ...(middleware ? [middleware, router, middleware.errors] : [router]));
  });
  const server = createServer((request, response) => {
    apps[Number(request.url?.split('/')[2])]?.(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    await once(server.close(), 'close');
    await middleware?.settled();
  };
  return { port: (server.address() as AddressInfo).port, stop };
};

describe('Express', () => {
  compareAll([...refusals(), ...answers(), ...clients()], start);
});
