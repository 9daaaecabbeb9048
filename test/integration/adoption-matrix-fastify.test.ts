/** A service on Fastify does what it did before it was audited, in every way in which it refuses, answers and fails. */
import { describe } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { AuditLog } from '../../src/index.ts';
import sealogFastify from '../../src/integrations/fastify.ts';
import type { Case } from '../support/adoption/case.ts';
import { postHttp2 } from '../support/adoption/client.ts';
import { answers } from '../support/adoption/fastify-answers.ts';
import { clients } from '../support/adoption/fastify-clients.ts';
import { refusals } from '../support/adoption/fastify-refusals.ts';
import { compareAll } from '../support/adoption/compare.ts';
import { pathOf, type Running } from '../support/adoption/run.ts';
import type { Logger } from '../../src/index.ts';

const starter =
  (create: () => FastifyInstance) =>
  async (
    cases: readonly Case[],
    effects: readonly string[][],
    audit?: { readonly auditLog: AuditLog; readonly logger: Logger },
  ): Promise<Running> => {
    const app = create();
    if (audit) await app.register(sealogFastify, { ...audit, actor: () => ({ kind: 'user', id: 'u1' }) });
    for (const [index, { name, build }] of cases.entries()) {
      const prefix = pathOf(index).slice(0, -1);
      const one = async (scope: FastifyInstance) => build(scope, (what) => effects[index]!.push(what));
      // One without a name is looked for in all modules that are loaded, which takes long under Jest.
      const named = Object.assign(one, { [Symbol.for('fastify.display-name')]: name });
      await app.register(named, { prefix });
    }
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: (app.server.address() as AddressInfo).port, stop: () => app.close() };
  };

describe('Fastify over HTTP/1', () => {
  compareAll(
    [...refusals(), ...answers(), ...clients()],
    starter(() => fastify()),
  );
});

describe('Fastify over HTTP/2', () => {
  const some = [...refusals(), ...answers()].filter((_case, index) => index % 5 === 0);
  compareAll(
    some.map((one) => ({ ...one, send: postHttp2 })),
    starter(() => fastify({ http2: true }) as unknown as FastifyInstance),
  );
});
