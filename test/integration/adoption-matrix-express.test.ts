/** A service on Express does what it did before it was audited, in every way in which it refuses, answers and fails. */
import { describe } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { sealogExpress } from '../../src/integrations/express.ts';
import { compareAll, type Start } from '../support/adoption/compare.ts';
import { answers, clients, refusals, type Scope } from '../support/adoption/express-cases.ts';
import { pathOf } from '../support/adoption/run.ts';

const start: Start<Scope> = async (cases, effects, audit) => {
  const app = express();
  // What Express would print of an error.
  app.set('env', 'test');
  const middleware = audit && sealogExpress({ ...audit, actor: () => ({ kind: 'user', id: 'u1' }) });
  for (const [index, { build }] of cases.entries()) {
    const scope = { before: express.Router(), router: express.Router() };
    build(scope, (what) => effects[index]!.push(what));
    const path = pathOf(index).slice(0, -1);
    app.use(
      path,
      ...(middleware ? [scope.before, middleware, scope.router, middleware.errors] : [scope.before, scope.router]),
    );
  }
  const server = app.listen(0, '127.0.0.1');
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
