#!/usr/bin/env bash
# Expected: an agent that watches a service leaves the handlers in Express's stack what they are, or copies what hangs on them.
# Happens: New Relic's agent puts a function of its own in the place of each handler. It is not the route's, and has none of the
#   properties that the route's has; that one is kept under a symbol described `original`. Without the agent, and so in tests,
#   the same code finds its functions in the stack.
# Versions: newrelic 14.5.1, express 5.3.0, Node 24.21.0. Seen on 2026-11-27.
# Matters: for whatever marks handlers and reads the marks from the stack: generators of OpenAPI documents, guards of rights, audit
#   logs. It works in every test, and not in production.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --no-save --no-audit --no-fund --silent >npm.log 2>&1 node@24.21.0 newrelic@14.5.1 express@5.3.0 ||
  { cat npm.log; exit 1; }
export PATH="$work/node_modules/.bin:$PATH"

cat >run.cjs <<'END'
const assert = require('node:assert');
const express = require('express');

const marked = Object.assign((_request, response) => response.end(), { mark: 'mine' });
const app = express();
app.get('/', marked);
const { handle } = app.router.stack.at(-1).route.stack[0];
const kept = Object.getOwnPropertySymbols(handle).find(({ description }) => description === 'original');
const seen = {
  isTheSame: handle === marked,
  mark: handle.mark ?? null,
  keepsIt: kept !== undefined && handle[kept] === marked,
};
console.log(`${process.argv[2]}: ${JSON.stringify(seen)}`);
const expected = {
  without: { isTheSame: true, mark: 'mine', keepsIt: false },
  with: { isTheSame: false, mark: null, keepsIt: true },
};
assert.deepEqual(seen, expected[process.argv[2]]);
process.exit(0);
END
export NEW_RELIC_LICENSE_KEY=0000000000000000000000000000000000000000 NEW_RELIC_APP_NAME=x NEW_RELIC_NO_CONFIG_FILE=true
export NEW_RELIC_LOG_ENABLED=false NEW_RELIC_ENABLED=true NEW_RELIC_HOST=127.0.0.1
timeout 60 node run.cjs without
timeout 60 node -r newrelic run.cjs with
