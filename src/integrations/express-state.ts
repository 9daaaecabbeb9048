import type { Request, Response } from 'express';
import { operationUnaudited } from '../events.ts';
import { defaultLogger, type Logger } from '../logger.ts';
import type { OpenEntry } from './auditor.ts';
import { reportSafely } from './describe-request.ts';
import { answerOf } from './response-end.ts';

/** A request that the middleware has met, and what has become of it. */
export interface State {
  /** That of the middleware. */
  logger?: Logger;
  /** It is logged at error already if it is answered without an entry. */
  isWatched?: boolean;
  /** What is refused before its entry is begun, or because `actor` failed, is recorded when the answer has ended. */
  hasRefusals?: boolean;
  /** Of one that is audited: read when it is first met. */
  ip?: () => string | undefined;
  /** Set at once, so that a request has one entry also where it comes to the middleware twice at a time. */
  begun?: Promise<void>;
  entry?: OpenEntry;
  thrown?: unknown;
}

// Of all that the integration makes: a request has one entry, in whatever application and router it is met again.
const states = new WeakMap<Request, State>();

export function stateOf(request: Request): State {
  const state = states.get(request) ?? {};
  states.set(request, state);
  return state;
}

/** A named operation that is answered below 400 without an entry ran unaudited: no middleware has found its route. */
export async function watchNamed(operationId: string, request: Request, response: Response): Promise<void> {
  const state = stateOf(request);
  if (state.begun || state.isWatched) return;
  state.isWatched = true;
  const { status } = await answerOf(response).ended;
  if (state.begun || status >= 400) return;
  reportSafely(() => operationUnaudited(state.logger ?? defaultLogger(), { operationId }));
}
