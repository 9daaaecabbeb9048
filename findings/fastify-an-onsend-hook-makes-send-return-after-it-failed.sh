#!/usr/bin/env bash
# Expected: reply.send() of a payload that cannot be sent throws where it is called, so the handler does not go on behind it.
# Happens: only in a route without any onSend hook. One that only passes the payload on makes send() return: the code behind
#   it runs, and a try around it catches nothing. The client is answered 500 in both cases.
# Versions: fastify 5.12.8, Node 24.21.0. Seen on 2026-11-27.
# Matters: for plugins. One that adds an onSend hook to a service, for tracing, compression or an audit log, lets handlers
#   do what they did not do before.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --no-save --no-audit --no-fund --silent >npm.log 2>&1 node@24.21.0 fastify@5.12.8 || { cat npm.log; exit 1; }
export PATH="$work/node_modules/.bin:$PATH"

cat >run.mjs <<'END'
import assert from 'node:assert';
import Fastify from 'fastify';

const seen = {};
for (const how of ['without a hook', 'with an onSend hook that passes the payload on']) {
  const app = Fastify();
  if (how.startsWith('with an')) app.addHook('onSend', (_request, _reply, payload, done) => done(null, payload));
  let ranOn = false;
  app.get('/', (_request, reply) => {
    reply.type('text/plain').send(12345);
    ranOn = true;
  });
  const { statusCode } = await app.inject('/');
  seen[how] = { statusCode, ranOn };
  console.log(`${how}: answered ${statusCode}, the handler went on: ${ranOn}`);
}
assert.deepEqual(Object.values(seen), [
  { statusCode: 500, ranOn: false },
  { statusCode: 500, ranOn: true },
]);
END
timeout 60 node run.mjs
