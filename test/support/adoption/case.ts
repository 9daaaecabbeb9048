import type { FastifyInstance } from 'fastify';
import type { Client } from './client.ts';

/** One way in which a service answers a request. */
export interface CaseOf<Scope> {
  readonly name: string;
  /** Adds the hooks and the route `POST /` of this case. `did` notes a side effect. */
  readonly build: (scope: Scope, did: (what: string) => void) => void;
  /** Default: one request with a body of JSON. */
  readonly send?: Client;
  /** Something answers before the handler. */
  readonly isRefused?: true;
  /**
   * The client may have gone before its entry is begun: then it is not answered, and where its body was not read yet the
   * handler does not run. Node takes one that has closed its side for gone as well: it answers only in the same turn.
   */
  readonly isGone?: boolean;
  /** Its requests are served at once, in an order of their own. */
  readonly isConcurrent?: boolean;
  /** Undefined where it is for the client to say how many entries there are. */
  readonly entries: 1 | undefined;
}

export type Case = CaseOf<FastifyInstance>;
