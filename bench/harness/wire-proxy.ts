import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A proxy in front of a database, through which its clients are watched. */
export interface WireProxy extends AsyncDisposable {
  /** The database's URL, through the proxy. */
  readonly url: string;
}

/** A message of PostgreSQL's protocol, as it goes by. */
export interface WireMessage {
  /** Counted from 0. */
  readonly connection: number;
  readonly from: 'client' | 'server';
  /** Its first byte. */
  readonly type: string;
  /** Without type and length. Not to be kept: it is a part of what arrived. */
  readonly body: Buffer;
}

/** Tells all messages but the first of each client, which has no type. For connections without TLS. */
export async function openWireProxy(
  databaseUrl: string,
  onMessage: (message: WireMessage) => void,
): Promise<WireProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    const connection = connections++;
    const upstream = connect(Number(target.port), target.hostname);
    client.on(
      'data',
      messageReader(true, (type, body) => onMessage({ connection, from: 'client', type, body })),
    );
    upstream.on(
      'data',
      messageReader(false, (type, body) => onMessage({ connection, from: 'server', type, body })),
    );
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket
        .setNoDelay()
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

/** A message is one byte of type, four of length, and its body. */
function messageReader(
  firstIsUntyped: boolean,
  onMessage: (type: string, body: Buffer) => void,
): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let header = firstIsUntyped ? 0 : 1;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < header + 4) return;
      const length = header + rest.readInt32BE(header);
      if (rest.length < length) return;
      if (header === 1) onMessage(String.fromCharCode(rest[0]!), rest.subarray(5, length));
      header = 1;
      rest = rest.subarray(length);
    }
  };
}
