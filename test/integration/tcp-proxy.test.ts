import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';

let stack: AsyncDisposableStack;
let proxy: TcpProxy;
let echoPort: number;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  stack.defer(() => void echo.close());
  ({ port: echoPort } = echo.address() as { port: number });
  proxy = stack.use(await startProxy(`postgres://user@127.0.0.1:${echoPort}/none`));
});
afterEach(async () => await stack.disposeAsync());

/** A connection to the echo, through the proxy unless another port is given, and what has come back so far. */
async function open(port = Number(new URL(proxy.url).port)): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  stack.defer(() => void socket.destroy());
  await once(socket, 'connect');
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  return { socket, received: () => received };
}

test('a frozen connection loses nothing and keeps the order', async () => {
  const { socket, received } = await open();
  socket.write('a');
  await waitUntil('the first answer', () => received() === 'a');
  proxy.freeze();
  socket.write('b');
  const late = await open();
  late.socket.write('x');
  // What goes past the proxy is answered, again and again.
  const past = await open(echoPort);
  for (let n = 1; n <= 10; n++) {
    past.socket.write('p');
    await waitUntil('the answer past the proxy', () => past.received().length === n);
  }
  expect([received(), late.received()]).toEqual(['a', '']);
  socket.write('c');
  proxy.thaw();
  await waitUntil('the other answers', () => received() === 'abc' && late.received() === 'x');
});

test('a half-open connection stays silent for ever, and one that is made after mending does not', async () => {
  const lost = await open();
  proxy.halfOpen();
  const alsoLost = await open();
  await proxy.mend();
  const whole = await open();
  for (const { socket } of [lost, alsoLost, whole]) socket.write('a');
  await waitUntil('the answer on the new connection', () => whole.received() === 'a');
  expect([lost.received(), alsoLost.received()]).toEqual(['', '']);
  expect(lost.socket.destroyed).toBe(false);
});

test('a delay holds for each direction', async () => {
  const { socket, received } = await open();
  proxy.delay(60);
  const started = performance.now();
  socket.write('a');
  await waitUntil('the answer', () => received() === 'a');
  expect(performance.now() - started).toBeGreaterThanOrEqual(115);
});

test('a cut ends connections and refuses new ones, until it is mended on the same port', async () => {
  const { socket } = await open();
  const closed = once(socket, 'close');
  await proxy.cut();
  await closed;
  const refused = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  await expect(once(refused, 'connect')).rejects.toThrow('ECONNREFUSED');
  await proxy.mend();
  await open();
});
