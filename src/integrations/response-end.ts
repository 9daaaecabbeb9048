import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';

export interface ResponseEnd {
  /** The one that was sent. */
  readonly status: number;
  /** The one that the service has set last, though too late to be sent. */
  readonly lastStatus: number;
  /** The connection ended before the answer was complete: in the middle of it, or before one that is streamed. */
  readonly isBroken: boolean;
  /** It had begun before the entry was, and the operation ran all the same. */
  readonly wasAnswered?: boolean;
}

export interface Answer {
  /**
   * Settles once, however the response ends, over HTTP/1 and HTTP/2:
   * - sent: it is whole.
   * - The client went away: whole if the service had ended its answer, broken if it was in the middle of one. If it had
   *   not begun, the handler is still at work, and what it does is what counts: whole if it answers all at once.
   *
   * Never settles for a handler that gives up without an answer, because nobody knows what it has done.
   */
  readonly ended: Promise<ResponseEnd>;
  /** Settles with `ended`, or when the client has been gone for 2 s and no answer has begun: there may be none. */
  readonly endedOrAbandoned: Promise<unknown>;
}

/** How long after its client has gone a handler is waited for. */
const ABANDONED_MS = 2000;

const answers = new WeakMap<ServerResponse, Answer>();

/** The answer of a response, which is watched from the first call on. */
export function answerOf(response: ServerResponse): Answer {
  const answer = answers.get(response) ?? watch(response);
  answers.set(response, answer);
  return answer;
}

function watch(response: ServerResponse): Answer {
  const { promise: ended, resolve } = Promise.withResolvers<ResponseEnd>();
  const { promise: abandoned, resolve: abandon } = Promise.withResolvers<void>();
  let sent = response.headersSent ? response.statusCode : undefined;
  let isEnded = false;
  let isClientGone = false;
  const settle = (isBroken: boolean): void => {
    const ofStream = sent === undefined ? Number(streamOf(response)?.sentHeaders?.[':status']) : Number.NaN;
    const lastStatus = ofStream || response.statusCode;
    resolve({ status: sent ?? lastStatus, lastStatus, isBroken });
  };

  const closed = (): void => {
    if (response.writableEnded || response.headersSent) settle(!response.writableEnded && !isStreamWhole(response));
    else if (!isClientGone) {
      isClientGone = true;
      setTimeout(abandon, ABANDONED_MS).unref();
    }
  };
  // Once its connection is gone a response emits nothing any more, so this listens to the calls themselves.
  const answering = (): void => {
    if (isClientGone) setImmediate(() => settle(!isEnded));
  };
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = (...args: unknown[]) => {
    const returned = writeHead(...args);
    sent ??= response.headersSent ? response.statusCode : Number(args[0]);
    answering();
    return returned;
  };
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.end = (...args: unknown[]) => {
    const returned = end(...args);
    isEnded = true;
    answering();
    return returned;
  };
  response.once('pipe', answering).once('finish', closed).once('close', closed);
  if (isOver(response)) closed();
  return { ended, endedOrAbandoned: Promise.race([ended, abandoned]) };
}

/** That of a response over HTTP/2. A handler may answer by it alone, and the response does not know of that. */
function streamOf(response: ServerResponse): ServerHttp2Stream | undefined {
  return (response as { readonly stream?: ServerHttp2Stream }).stream;
}

/** Ended by the handler: a reset ends it too, and that of a client may have the code of no error. */
function isStreamWhole(response: ServerResponse): boolean {
  const stream = streamOf(response);
  return stream?.writableEnded === true && !stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR;
}

/** Whether it will not emit that it is: the answer was sent, or the client went away, while the entry was begun. */
function isOver(response: ServerResponse): boolean {
  // That of HTTP/2 has no `closed`, and emits `finish` also when the client has reset.
  return response.closed || response.writableFinished || streamOf(response)?.destroyed === true;
}
