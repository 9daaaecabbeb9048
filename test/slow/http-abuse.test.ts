import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { holdTable } from '../support/faults/table-hold.ts';
import { startProbedWorker } from '../support/probed-worker.ts';
import { waitUntil } from '../support/wait.ts';

const GET = 'GET /metrics HTTP/1.1\r\nhost: a\r\n';

/** More than the server admits at once, which is 32. */
const ADMITTED = 40;
/** So many of each kind that those of a wave are as many. */
const EACH = 8;

/** What a client does with a connection of its own. The worker must get rid of it by itself. */
type Abuse = (socket: Socket) => void;

const SLOW: Readonly<Record<string, Abuse>> = {
  'says nothing': () => {},
  'sends its headers a few bytes at a time': (socket) => void drip(socket, GET, 'x-slow: 1\r\n'),
  'sends its request line a byte at a time': (socket) => void drip(socket, '', 'G'),
  'sends a body without end': (socket) =>
    void drip(socket, 'POST /metrics HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n'),
  'announces a body and sends none': (socket) => socket.write(`${GET}content-length: 1000000000\r\n\r\n`),
};
const LOUD: Readonly<Record<string, Abuse>> = {
  'sends a huge header': (socket) => socket.write(`${GET}x: ${'y'.repeat(2_000_000)}\r\n\r\n`),
  'sends many headers': (socket) => socket.write(`${GET}${'x: y\r\n'.repeat(100_000)}\r\n`),
  'asks with a huge query': (socket) => socket.write(`GET /metrics?${'q'.repeat(2_000_000)} HTTP/1.1\r\n\r\n`),
  'uses a method that nobody knows': (socket) => socket.write('BREW /metrics HTTP/1.1\r\nhost: a\r\n\r\n'),
  'asks for a tunnel': (socket) => socket.write('CONNECT db.example:5432 HTTP/1.1\r\nhost: a\r\n\r\n'),
  'asks for another protocol': (socket) => socket.write(`${GET}connection: upgrade\r\nupgrade: websocket\r\n\r\n`),
  'speaks TLS': (socket) => socket.write(Buffer.from('16030100f0010000ec0303', 'hex')),
};

test('whatever clients do, the worker gets rid of them, answers its probes again and completes its activation', async () => {
  await using database = await createDatabase();
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  await using hold = await holdTable(database.url);
  // More than that it would die of. What is read at once is parsed at once, up to 64 KiB a connection, and kept until the
  // first answer is there.
  await using replica = await startProbedWorker(database.url, { NODE_OPTIONS: '--max-old-space-size=400' });
  await waitUntil('the activation runs', () => hold.isWaitedFor());

  await using stack = new AsyncDisposableStack();
  const abusedBy = (abuse: Abuse, times: number) => {
    const sockets = Array.from({ length: times }, () => connected(replica.port, abuse));
    for (const socket of sockets) stack.defer(() => void socket.destroy());
    return sockets;
  };

  for (const abuses of [SLOW, LOUD]) {
    const connections = Object.entries(abuses).flatMap(([what, abuse]) =>
      abusedBy(abuse, EACH).map((socket) => ({ what, socket })),
    );
    const here = () => connections.filter(({ socket }) => !socket.closed).map(({ what }) => what);
    await waitUntil('the abusers are gone', () => here().length === 0).catch(() => {});
    expect(here()).toEqual([]);
    expect((await replica.get('/healthz')).status).toBe(200);
  }
  // Whoever is thrown out comes again at once, and the probes are answered all the same.
  const comingAgain = new AbortController();
  for (let client = 0; client < ADMITTED; client++) comeAgain(replica.port, comingAgain.signal);
  for (let probe = 0; probe < 10; probe++) expect((await replica.get('/healthz')).status).toBe(200);
  comingAgain.abort();

  // These do not even see that they are cut off: but while they were connected nobody else could be.
  for (let wave = 0; wave < 3; wave++) {
    abusedBy((socket) => socket.pause().write(`${GET}\r\n`.repeat(5000)), ADMITTED);
    await waitUntil('a probe is answered', async () => {
      const answer = await replica.get('/healthz').catch(() => undefined);
      return answer?.status === 200;
    });
  }

  await hold.release();
  await waitUntil('the activation completes', async () => {
    const { rows } = await database.pool.query<{ result_kind: string }>('select result_kind from sealog.audit_log');
    return rows.every(({ result_kind }) => result_kind === 'timeout');
  });
  await waitUntil('the replica is ready', async () => (await replica.get('/readyz')).status === 200);
});

function connected(port: number, abuse: Abuse): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
  socket.once('end', () => socket.destroy()).resume();
  return socket.once('connect', () => abuse(socket));
}

function comeAgain(port: number, signal: AbortSignal): void {
  if (signal.aborted) return;
  const socket = connected(port, (open) => open.write('GET /'));
  const leave = (): void => void socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  socket.once('close', () => {
    signal.removeEventListener('abort', leave);
    setTimeout(() => comeAgain(port, signal), 100);
  });
}

async function drip(socket: Socket, head: string, drop: string): Promise<void> {
  socket.write(head);
  while (!socket.destroyed) {
    socket.write(drop);
    await delay(300);
  }
}
