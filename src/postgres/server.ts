import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from '../errors.ts';
import { type Cluster, serverEnvironment } from './cluster.ts';
import { findPostmaster, isAlive, type Postmaster } from './postmaster.ts';
import { serverUrl, tryConnect } from './server-connection.ts';

/** A server that answers. `url` is the superuser's, to the database `sealog`. */
export type Server = { readonly pid: number; readonly url: string };

// Long enough for the recovery after a crash, and for what a killed server left in memory to go away.
const startTimeoutMs = 120_000;
const attempts = 5;

/** The server of `cluster`: the one that runs already (its keeper was killed), else a new one, on its last port if free. */
export async function runServer(
  cluster: Cluster,
  directory: string,
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  let log = '';
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const running = await findPostmaster(cluster.dataDirectory);
    const adopted = running && (await waitUntilReady(cluster, running));
    if (adopted) return adopted;
    const port = await choosePort(directory, attempt);
    const offset = await logSize(directory);
    const pid = await spawnServer(cluster, directory, port, settings);
    const server = await waitUntilReady(cluster, { pid, port });
    if (server) {
      await writeFile(join(directory, 'port'), String(port));
      return server;
    }
    // Another program may have taken the port, or the memory of a killed server is still in use: both pass.
    log = await logSince(directory, offset);
    await delay(100 * attempt);
  }
  throw new EmbeddedPostgresError(`the server in ${directory} did not start; the end of ${logFile(directory)}:`, {
    log,
  });
}

/** Stops the server and returns when it is gone. Open transactions are rolled back; not `durable` saves the checkpoint. */
export async function stopServer(cluster: Cluster, { pid }: Server, durable: boolean): Promise<void> {
  const mode = durable ? 'fast' : 'immediate';
  const flags = ['stop', '--pgdata', cluster.dataDirectory, '--mode', mode, '--wait', '--timeout', '60'];
  const options = { ...cluster.account, cwd: cluster.folder, env: serverEnvironment() };
  // It fails when the server is gone already, or its folder is.
  await promisify(execFile)(cluster.binaries.pgCtl, flags, options).catch(() => {
    if (isAlive(pid)) process.kill(pid, durable ? 'SIGINT' : 'SIGQUIT');
  });
  while (isAlive(pid)) await delay(20);
}

async function spawnServer(
  { account, binaries, dataDirectory, folder }: Cluster,
  directory: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<number> {
  await using log = await open(logFile(directory), 'a');
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', log_timezone: 'UTC', ...settings, port };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(binaries.postgres, ['-D', dataDirectory, ...flags], {
    ...account,
    cwd: folder,
    env: serverEnvironment(),
    // A file, not a pipe: the server must outlive a killed keeper, and then nobody would empty the pipe.
    stdio: ['ignore', log.fd, log.fd],
    // Its own process group, out of reach of a terminal's Ctrl-C and of whatever kills the keeper's group.
    detached: true,
  });
  child.unref();
  await once(child, 'spawn');
  if (child.pid === undefined) throw new EmbeddedPostgresError('the server has no process id');
  return child.pid;
}

async function waitUntilReady(cluster: Cluster, { pid, port }: Postmaster): Promise<Server | undefined> {
  const deadline = performance.now() + startTimeoutMs;
  while (isAlive(pid) && performance.now() < deadline) {
    if (await tryConnect(port, cluster.password)) return { pid, url: serverUrl(port, cluster.password, 'sealog') };
    await delay(50);
  }
  return undefined;
}

async function choosePort(directory: string, attempt: number): Promise<number> {
  const last = Number(await readFile(join(directory, 'port'), 'utf8').catch(() => '0'));
  for (const wanted of attempt < attempts ? [last, 0] : [0]) {
    const probe = createServer();
    try {
      await once(probe.listen(wanted, '127.0.0.1'), 'listening');
      const address = probe.address();
      if (address !== null && typeof address === 'object') return address.port;
    } catch {
      // Taken: users that keep running will not find the server again, but the next ones will.
    } finally {
      probe.close();
    }
  }
  throw new EmbeddedPostgresError('no free port on 127.0.0.1');
}

async function logSize(directory: string): Promise<number> {
  return (await readFile(logFile(directory)).catch(() => Buffer.alloc(0))).length;
}

async function logSince(directory: string, offset: number): Promise<string> {
  const log = await readFile(logFile(directory)).catch(() => Buffer.alloc(0));
  return log.subarray(offset).toString().trim().split('\n').slice(-20).join('\n');
}

function logFile(directory: string): string {
  return join(directory, 'server.log');
}
