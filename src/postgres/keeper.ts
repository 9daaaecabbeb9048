/**
 * The keeper of an embedded PostgreSQL: a process of its own that starts the server of one directory, restarts it when
 * it dies, and stops it when the last member has gone.
 *
 * A member is a process with a connection to the keeper. The kernel closes that connection when the process ends,
 * SIGKILL included, and tells the members in the same way when the keeper was killed: they then start the next keeper,
 * which finds the server running and goes on with it. A lock on a file admits one keeper a directory.
 */
import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresError } from '../errors.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { tryLockFile } from './file-lock.ts';
import { type KeeperOptions, publishKeeperAddress, withdrawKeeperAddress } from './keeper-protocol.ts';
import { admitMembers, type Members } from './members.ts';
import { isAlive } from './postmaster.ts';
import { runServer, type Server, stopServer } from './server.ts';

// How long to wait for the first member, who started us and is on its way; and for the next one after the last has
// left, so that commands that follow each other do not pay for a start each.
const firstMemberMs = 10_000;
const nextMemberMs = 1000;
const watchMs = 200;

async function keep(options: KeeperOptions): Promise<void> {
  const { directory, ephemeral } = options;
  using lock = tryLockFile(join(directory, 'keeper.lock'));
  if (!lock) return;
  const members = await admitMembers();
  await publishKeeperAddress(directory, members.address);
  let cluster: Cluster | undefined;
  let server: Server | undefined;
  try {
    cluster = await openCluster(directory, !ephemeral);
    do {
      if (!server || !isAlive(server.pid)) {
        server = await runServer(cluster, directory, options.settings);
        members.tell({ kind: 'ready', url: server.url });
      }
      await delay(watchMs);
    } while (isWanted(members, ephemeral ? 0 : nextMemberMs));
  } catch (error) {
    server = undefined;
    const { problem, log } =
      error instanceof EmbeddedPostgresError ? error : { problem: String(error), log: undefined };
    members.tell({ kind: 'failed', problem, log });
    while (isWanted(members, 0)) await delay(watchMs);
  }
  // From here on nobody gets in: who comes now waits for the lock, and starts the server anew.
  members.close();
  await withdrawKeeperAddress(directory, members.address);
  if (cluster && server) await stopServer(cluster, server, !ephemeral);
  if (ephemeral) {
    // In this order: the cluster may be a link to elsewhere, which only the directory knows.
    if (cluster) await rm(cluster.folder, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  }
}

function isWanted(members: Members, patienceMs: number): boolean {
  return members.idleMs <= (members.everUsed ? patienceMs : firstMemberMs);
}

/** Root in somebody's directory works as its owner, so that the owner can use it afterwards. */
function becomeOwner(directory: string): void {
  const { uid, gid } = statSync(directory);
  if (process.getuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

// A terminal's Ctrl-C does not reach us (we have a session of our own). Whoever stops a whole machine or container
// signals everyone, and workers still need the database to finish: we end when they have.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

const options: KeeperOptions = JSON.parse(process.argv[2] ?? '');
becomeOwner(options.directory);
await keep(options);
