import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../logger.ts';
import type { OpenEntry } from './auditor.ts';
import type { Exchange } from './exchange.ts';
import { readNow } from './request-facts.ts';
import { answerOf, type ResponseEnd } from './response-end.ts';

/** A request of an audited route, and what has become of it. */
export interface State {
  readonly exchange: Exchange<FastifyRequest, FastifyReply>;
  /** Set before anything is awaited: a request has one entry. */
  begun?: Promise<OpenEntry>;
  entry?: OpenEntry;
  isUnavailable?: boolean;
  thrown?: unknown;
  /** Something called `reply.send`, or the answer has ended. The client may not have seen anything of it yet. */
  isSent: boolean;
}

const states = new WeakMap<FastifyRequest, State>();

export function stateOf(request: FastifyRequest): State | undefined {
  return states.get(request);
}

/** What the plugin knows of a request. */
export interface Opened {
  readonly operationId: string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Default: the request's own. */
  readonly logger: Logger | undefined;
}

/** Follows a request until its answer has ended. */
export function openState(opened: Opened, onEnd: (state: State, end: ResponseEnd) => unknown): State {
  const { request, reply, logger = request.log } = opened;
  const facts = {
    id: request.id,
    url: request.originalUrl,
    ip: readNow(() => request.ip),
    userAgent: request.headers['user-agent'],
    query: () => request.query,
    body: () => request.body,
  };
  const state: State = { exchange: { ...opened, response: reply.raw, facts, logger }, isSent: false };
  states.set(request, state);
  // An `onSend` hook would see it too. But Fastify treats what is thrown by an answer in another way where there is one.
  const send = reply.send.bind(reply);
  reply.send = (...args) => {
    const sent = send(...args);
    state.isSent = true;
    return sent;
  };
  void answerOf(reply.raw).ended.then((end) => {
    state.isSent = true;
    return onEnd(state, end);
  });
  return state;
}

/**
 * Whether a handler must not run any more. An answer may be on its way: `onSend` hooks wait, or it is a stream. One that
 * was begun without `reply.send`, below 400, is left to the handler to continue: events for example.
 */
export function isAnswered({ isSent, exchange: { reply } }: State): boolean {
  return isSent || reply.sent || (reply.raw.headersSent && reply.statusCode >= 400);
}
