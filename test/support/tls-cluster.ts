import { chmod, chown, copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execute } from './cluster.ts';
import { startFaultCluster } from './faults/fault-cluster.ts';
import { serverFolder } from './server-folder.ts';
import { waitUntil } from './wait.ts';

/** A migrated server that takes encrypted connections, and from the user `certified` only with a client certificate. */
export interface TlsCluster extends AsyncDisposable {
  /** The URL of its superuser at a host name, with the parameters given. */
  url(options: { readonly host?: string; readonly user?: string; readonly parameters: Record<string, string> }): string;
}

/** The certificates of test/support/tls. */
export function certificate(name: string): string {
  return fileURLToPath(new URL(`tls/${name}`, import.meta.url));
}

export async function startTlsCluster(): Promise<TlsCluster> {
  await using stack = new AsyncDisposableStack();
  const parent = await serverFolder('sealog-tls-');
  stack.defer(() => rm(parent, { recursive: true, force: true, maxRetries: 20 }));
  const cluster = stack.use(await startFaultCluster({ parent }));
  const { rows } = await cluster.pool.query<{ data: string }>(`select current_setting('data_directory') as data`);
  const { data } = rows[0]!;
  const { uid, gid } = await stat(data);
  for (const name of ['server.pem', 'server.key', 'ca.pem']) {
    await copyFile(certificate(name), join(data, name));
    await chmod(join(data, name), 0o600);
    await chown(join(data, name), uid, gid);
  }
  const hba = join(data, 'pg_hba.conf');
  await writeFile(hba, `hostssl all certified all scram-sha-256 clientcert=verify-ca\n${await readFile(hba, 'utf8')}`);
  const password = new URL(cluster.url).password;
  for (const statement of [
    `create role certified superuser login password '${password}'`,
    `alter system set ssl_cert_file = 'server.pem'`,
    `alter system set ssl_key_file = 'server.key'`,
    `alter system set ssl_ca_file = 'ca.pem'`,
    `alter system set ssl = on`,
    'select pg_reload_conf()',
  ]) {
    await cluster.pool.query(statement);
  }
  const encrypted = new URL(cluster.url);
  encrypted.searchParams.set('sslmode', 'no-verify');
  // The setting is shown before the server follows it.
  await waitUntil('the server encrypts', () =>
    execute(encrypted.href, 'select').then(
      () => true,
      () => false,
    ),
  );
  const started = stack.move();
  return {
    url({ host = 'localhost', user = 'postgres', parameters }) {
      const url = new URL(cluster.url);
      [url.hostname, url.username] = [host, user];
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
