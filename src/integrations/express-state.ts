import type { Request } from 'express';
import type { OpenEntry } from './auditor.ts';
import { readNow } from './request-facts.ts';

/** A request that is audited, and what has become of it. */
export interface State {
  readonly ip: () => string | undefined;
  /** Set at once, so that a request has one entry also where it comes to the middleware twice at a time. */
  begun?: Promise<void>;
  entry?: OpenEntry;
  thrown?: unknown;
}

// Of all that the integration makes: a request has one entry, in whatever application and router it is met again.
const states = new WeakMap<Request, State>();

export function stateOf(request: Request): State {
  const state = states.get(request) ?? { ip: readNow(() => request.ip) };
  states.set(request, state);
  return state;
}
