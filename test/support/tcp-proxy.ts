import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** A TCP proxy in front of a database, to take the network away from one client of it. */
export interface TcpProxy extends AsyncDisposable {
  /** The database's URL, through the proxy. */
  readonly url: string;
  /** Ends all connections and refuses new ones. */
  cut(): Promise<void>;
  /** Ends all connections, and each new one as soon as it is there, until `mend`. */
  turnAway(): void;
  /** How many were. */
  readonly turnedAway: number;
  /** Listens again, on the same port, and connects whoever comes. What was lost by `halfOpen` stays lost. */
  mend(): Promise<void>;
  /** Holds back everything, in both directions, on the connections that are there and on new ones. Nothing is lost. */
  freeze(): void;
  /** Lets go on what was frozen, with what came meanwhile. */
  thaw(): void;
  /**
   * From now on the connections that are there swallow everything for ever, and so do new ones until `mend`: each side
   * takes the other for silent, not for gone.
   */
  halfOpen(): void;
  /** From now on new connections go to the server of another URL, as after a fail-over; those that are there stay. */
  redirect(databaseUrl: string): void;
  /**
   * Cuts the next connection on which a client sends what `matches`: `before` the server has it, or when the server
   * answers, `after` it has done what it was asked for. Resolves when that has happened.
   */
  cutAt(moment: 'before' | 'after', matches: RegExp): Promise<void>;
  /** How many bytes clients were sent so far. */
  answered(): number;
  /** How much later everything arrives, in each direction. */
  delay(milliseconds: number): void;
}

interface Link {
  lost: boolean;
  /** The next answer is not passed on, and ends the connection. */
  answerIsLost: boolean;
}

interface Trap {
  readonly moment: 'before' | 'after';
  readonly matches: RegExp;
  sprung(): void;
}

export async function startProxy(databaseUrl: string): Promise<TcpProxy> {
  let target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const links = new Set<Link>();
  let port = 0;
  let server: Server | undefined;
  let swallows = false;
  let turnsAway = false;
  let turnedAway = 0;
  let latencyMs = 0;
  let answeredBytes = 0;
  let frozen: PromiseWithResolvers<void> | undefined;

  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  let trap: Trap | undefined;
  const forward = async (link: Link, chunk: Buffer, pass: (chunk?: Buffer) => void): Promise<void> => {
    if (latencyMs > 0) await delay(latencyMs);
    await frozen?.promise;
    pass(link.lost ? undefined : chunk);
  };
  const wire = (link: Link, isCut: (chunk: Buffer) => boolean): Transform =>
    new Transform({
      transform: (chunk: Buffer, _encoding, done) =>
        void forward(link, chunk, (passed) => done(null, passed && isCut(passed) ? undefined : passed)),
    });
  const join = (client: Socket): void => {
    if (turnsAway) {
      turnedAway++;
      client.destroy();
      return;
    }
    const link: Link = { lost: swallows, answerIsLost: false };
    links.add(link);
    const upstream = track(connect(Number(target.port), target.hostname));
    const end = (): true => {
      client.destroy();
      trap?.sprung();
      trap = undefined;
      return true;
    };
    const request = wire(link, (chunk) => {
      if (!trap?.matches.test(chunk.toString('latin1'))) return false;
      if (trap.moment === 'before') return end();
      link.answerIsLost = true;
      return false;
    });
    const answer = wire(link, (chunk) => {
      answeredBytes += chunk.length;
      return link.answerIsLost && end();
    });
    track(client).pipe(request).pipe(upstream).pipe(answer).pipe(client);
    client.on('close', () => {
      links.delete(link);
      // A server does not hear of the end of a client that it is cut off from.
      if (!link.lost) upstream.destroy();
    });
    // What the server sent before it ended is still on its way.
    upstream.on('close', () => (link.lost || upstream.readableEnded ? undefined : client.destroy()));
  };
  const mend = async (): Promise<void> => {
    swallows = false;
    turnsAway = false;
    if (server) return;
    server = createServer(join).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as { port: number }).port;
  };
  const thaw = (): void => {
    frozen?.resolve();
    frozen = undefined;
  };
  const cut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    for (const socket of sockets) socket.destroy();
    if (closing) await once(closing.close(), 'close');
  };

  await mend();
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    cut,
    turnAway() {
      turnsAway = true;
      for (const socket of sockets) socket.destroy();
    },
    get turnedAway() {
      return turnedAway;
    },
    mend,
    freeze: () => (frozen ??= Promise.withResolvers()),
    thaw,
    halfOpen() {
      swallows = true;
      for (const link of links) link.lost = true;
    },
    redirect: (to) => void (target = new URL(to)),
    cutAt: (moment, matches) => new Promise((resolve) => (trap = { moment, matches, sprung: resolve })),
    answered: () => answeredBytes,
    delay: (milliseconds) => (latencyMs = milliseconds),
    async [Symbol.asyncDispose]() {
      thaw();
      await cut();
    },
  };
}
