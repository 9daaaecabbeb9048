import type { NewEntry } from '../audit-log/entry.ts';
import type { RecordedParts } from './options.ts';
import { redact } from './redact.ts';

/** What a framework knows of a request. Query and body are asked for only if they are to be recorded. */
export interface RequestFacts {
  readonly id: string | undefined;
  readonly url: string;
  /**
   * By the framework's own rule on proxies: the peer, unless the service trusts what is in front of it. That rule may be
   * a function of the service, and throw.
   */
  readonly ip: () => string | undefined;
  readonly userAgent: string | undefined;
  readonly query: () => unknown;
  readonly body: () => unknown;
}

/** Reads at once what is forgotten when the client goes. What that throws is thrown where the value is asked for. */
export function readNow<T>(read: () => T): () => T {
  try {
    const value = read();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** The path of a request target, without the query string: that often holds what nobody should read. */
export function requestPath(url: string): string {
  // A proxy's client sends the absolute form, which may hold a password.
  const target = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return target.replace(/[?#].*$/s, '') || '/';
}

/** The parts of the request that the service wants in `details`, without what usually is secret. */
export function recordedParts(facts: RequestFacts, parts: RecordedParts = {}): NewEntry['details'] {
  const { query, body, redact: names } = parts;
  if (!query && !body) return undefined;
  return {
    ...(query && { query: redact(facts.query(), names) }),
    ...(body && { body: redact(facts.body(), names) }),
  };
}
