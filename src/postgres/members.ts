import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { EmbeddedPostgresError } from '../errors.ts';
import { type KeeperAddress, type KeeperMessage, readLines } from './keeper-protocol.ts';

/** The processes that use the server: each has one connection to the keeper, and is a member for as long as it lasts. */
export type Members = {
  readonly address: KeeperAddress;
  /** Whether there has been a member yet. */
  readonly everUsed: boolean;
  /** For how long there has been none, in milliseconds; 0 while there is one. */
  readonly idleMs: number;
  /** Tells all members, and everyone who comes later. */
  tell(message: KeeperMessage): void;
  /** Admits nobody any more; the members that are there are sent away. */
  close(): void;
};

/** Begins to admit members on a free port of 127.0.0.1. */
export async function admitMembers(): Promise<Members> {
  const token = randomBytes(24).toString('base64url');
  const members = new Set<Socket>();
  let news: KeeperMessage = { kind: 'welcome' };
  let everUsed = false;
  let idleSince = performance.now();
  let closed = false;

  const listener = createServer((socket) => {
    // A connection that is reset is a member that was killed; 'close' follows.
    socket.on('error', () => {});
    readLines(socket, (line) => {
      if (closed || line !== token) {
        socket.destroy();
        return;
      }
      members.add(socket);
      everUsed = true;
      send(socket, { kind: 'welcome' });
      if (news.kind !== 'welcome') send(socket, news);
    });
    socket.once('close', () => {
      if (members.delete(socket)) idleSince = performance.now();
    });
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new EmbeddedPostgresError('the keeper has no port');

  return {
    address: { pid: process.pid, port: address.port, token },
    get everUsed() {
      return everUsed;
    },
    get idleMs() {
      return members.size > 0 ? 0 : performance.now() - idleSince;
    },
    tell(message) {
      news = message;
      for (const member of members) send(member, message);
    },
    close() {
      closed = true;
      listener.close();
      for (const member of members) member.destroy();
    },
  };
}

function send(member: Socket, message: KeeperMessage): void {
  member.write(`${JSON.stringify(message)}\n`);
}
