import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { PATIENCE_MS } from '../wait.ts';

/** What a client got. */
export interface Answer {
  readonly status?: number | undefined;
  readonly headers?: IncomingMessage['headers'];
  readonly body?: string;
  readonly trailers?: IncomingMessage['trailers'];
  /** The connection ended before the answer was complete. */
  readonly isBroken?: true;
}

/** Sends a request to a port. */
export type Client = (port: number, path: string) => Promise<Answer>;

export function answerTo(sent: ClientRequest): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const late = setTimeout(() => {
    reject(new Error(`no answer within ${PATIENCE_MS} ms: ${sent.path}`));
    sent.destroy();
  }, PATIENCE_MS);
  const settle = (answer: Answer): void => {
    clearTimeout(late);
    resolve(answer);
  };
  sent.on('error', () => settle({ isBroken: true }));
  sent.on('response', (response) => {
    const chunks: Buffer[] = [];
    const { statusCode: status, headers } = response;
    // That which differs from run to run.
    delete headers.date;
    const body = (): string => {
      const whole = Buffer.concat(chunks).toString();
      // Express answers with the stack of an error, which is another one behind whatever waits.
      const stable = whole.replace(/<br>.*(?=<\/pre>)/s, '');
      if (stable !== whole) delete headers['content-length'];
      return stable;
    };
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', () => settle({ body: body(), status, headers, isBroken: true }));
    response.on('end', () => settle({ body: body(), status, headers, trailers: response.trailers }));
  });
  return promise;
}

const options = (port: number, path: string) =>
  ({ host: '127.0.0.1', port, path, method: 'POST', agent: false }) as const;

/** A body of JSON on a connection of its own. */
export const postJson: Client = async (port, path) => {
  const sent = request({ ...options(port, path), headers: { 'content-type': 'application/json' } });
  sent.end(JSON.stringify({ a: 1 }));
  return await answerTo(sent);
};

/** A body in pieces, each some time after the one before, with trailers behind them. */
const postChunks: Client = async (port, path) => {
  const sent = request({ ...options(port, path), headers: { 'content-type': 'text/plain', trailer: 'x-sum' } });
  sent.addTrailers({ 'x-sum': '3' });
  Readable.from(
    (async function* pieces() {
      for (const piece of ['a', 'b', 'c']) {
        yield piece;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })(),
  ).pipe(sent);
  return await answerTo(sent);
};

/** Several requests, one after the other, on one connection. */
const postOnOneConnection: Client = async (port, path) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers: Answer[] = [];
  for (let count = 0; count < 3; count++) {
    const sent = request({ ...options(port, path), agent, headers: { 'content-type': 'application/json' } });
    sent.end('{}');
    answers.push(await answerTo(sent));
  }
  agent.destroy();
  return { body: JSON.stringify(answers) };
};

const expecting: Client = async (port, path) => {
  const headers = { expect: '100-continue', 'content-type': 'application/json' };
  const sent = request({ ...options(port, path), headers });
  sent.once('continue', () => sent.end('{}'));
  // A hook may answer before it wants the body.
  sent.once('response', () => sent.end());
  sent.flushHeaders();
  return await answerTo(sent);
};

/** What comes back for bytes that are written as they are; the client's side ends behind them if `isHalfClosed`. */
const bytes =
  (of: (head: string) => string, isHalfClosed = false): Client =>
  async (port, path) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('error', () => {});
    const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
    if (isHalfClosed) socket.end(of(head));
    else socket.write(of(head));
    const answer = await text(socket).catch(() => 'reset');
    socket.destroy();
    return { body: answer.replaceAll(/^date: .*\r\n/gim, '') };
  };

/** A client that goes away when its request, or half of it, has arrived. */
const leaving =
  (length: number): Client =>
  async (port, path) => {
    const headers = { 'content-type': 'application/json', 'content-length': length };
    const sent = request({ ...options(port, path), headers });
    sent.on('error', () => {});
    sent.write('{}', () => setImmediate(() => sent.destroy()));
    await new Promise((resolve) => sent.once('close', resolve));
    return {};
  };

/** How clients send what they send. */
export const CLIENTS: Readonly<Record<string, Client>> = {
  'a body in pieces, with trailers': postChunks,
  'three requests on one connection': postOnOneConnection,
  'a client that waits to be asked for the body': expecting,
  'a client that has closed its side': bytes((head) => `${head}content-length: 2\r\n\r\n{}`, true),
  'two requests at once': bytes(
    (head) => `${head}content-length: 2\r\n\r\n{}${head}connection: close\r\ncontent-length: 2\r\n\r\n{}`,
  ),
  'bytes behind the body': bytes((head) => `${head}content-length: 2\r\n\r\n{}what is no request\r\n\r\n`),
  'a body that is no JSON': bytes((head) => `${head}connection: close\r\ncontent-length: 2\r\n\r\n{]`),
  'a client that goes away': leaving(2),
  'a client that goes away in the middle of its body': leaving(10),
};

/** The same request over HTTP/2, without TLS. */
export const postHttp2: Client = async (port, path) => {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
  const { promise, resolve } = Promise.withResolvers<void>();
  let headers: IncomingMessage['headers'] = {};
  let trailers: IncomingMessage['trailers'] | undefined;
  let body = '';
  stream.setEncoding('utf8');
  stream.on('response', ({ date: _date, ...given }) => (headers = given as typeof headers));
  stream.on('trailers', (given) => (trailers = given as typeof trailers));
  stream.on('data', (chunk: string) => (body += chunk));
  stream.on('error', () => {});
  stream.on('close', resolve);
  stream.end('{}');
  await promise;
  session.destroy();
  const status = Number(headers[':status']);
  return { status, headers, body, ...(trailers && { trailers }), ...(stream.rstCode !== 0 && { isBroken: true }) };
};
