import type { Request } from 'express';
import type { OpenEntry } from './auditor.ts';

/** A request that the middleware has met, and what has become of it. */
export interface State {
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
