import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverAccount } from '../../src/postgres/account.ts';
import { execute } from './cluster.ts';
import { freePort } from './free-port.ts';
import { waitUntil } from './wait.ts';

/** Debian's PgBouncer before a database: one server connection, so that sessions certainly share it. */
export interface PgBouncer extends AsyncDisposable {
  /** The URL of the same database, through the pooler. */
  readonly url: string;
}

export async function startPgBouncer(databaseUrl: string, poolSize: number): Promise<PgBouncer> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'sealog-pgbouncer-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  const listen = await freePort();
  const server = `host=${hostname} port=${port} user=${username}${password && ` password=${password}`}`;
  await writeFile(
    join(directory, 'pgbouncer.ini'),
    `[databases]
${pathname.slice(1)} = ${server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
`,
  );
  const account = await serverAccount(undefined);
  await chmod(directory, 0o755);
  if (account.uid !== undefined) await chown(directory, account.uid, account.gid ?? account.uid);
  const child = spawn('pgbouncer', [join(directory, 'pgbouncer.ini')], {
    ...account,
    stdio: 'ignore',
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  });
  await once(child, 'spawn');
  stack.defer(async () => {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGINT')) await ended;
  });
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${listen}`;
  await waitUntil('PgBouncer answers', () =>
    execute(url.href, 'select').then(
      () => true,
      () => false,
    ),
  );
  const started = stack.move();
  return { url: url.href, [Symbol.asyncDispose]: () => started.disposeAsync() };
}
