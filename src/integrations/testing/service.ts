import type { Route } from '../route-rule.ts';

export interface CallableRoute extends Route {
  /** `POST /disks/:id`, and what else tells it from other routes. */
  readonly name: string;
  /** What its entries are called, unless a rule of the service's own says otherwise. */
  readonly operations: readonly string[];
  /** Without which a call does not reach it. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What an example must have, and of what it cannot be made. */
  readonly needs?: { readonly part: 'path' | 'headers'; readonly because: string } | undefined;
}

export interface TestRequest {
  readonly method: string;
  /** Path and query string. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Whether the request came as far as the handler of its route; undefined if that cannot be seen. */
  readonly reachedHandler: boolean | undefined;
  /** The name of the route by which it was audited; undefined if that cannot be seen. */
  readonly foundRoute?: string | undefined;
  /** Its handler ran, and no entry had been begun before. */
  readonly ranUnaudited?: boolean | undefined;
  /** Its handler was replaced by one that nothing audits, and the request did not come to its own. */
  readonly reachedAnother?: boolean | undefined;
  /** How many routes have that name, where one was met before its entry was begun and not all of them were called. */
  readonly unprovenTwins?: number | undefined;
}

export type Params = Readonly<Record<string, string>>;

/** A service that runs. */
export interface Connection extends AsyncDisposable {
  readonly routes: readonly CallableRoute[];
  /** Routes that cannot be seen or called, and why. */
  readonly problems: readonly string[];
  /** The path of a route, with values for its parameters. */
  fill(path: string, params: Params): string;
  send(request: TestRequest): Promise<Answer>;
}

/** A service that can be asked for its routes and called. */
export interface AuditedService {
  connect(): Promise<Connection>;
}

/** The value of a parameter, made up if there is none. */
export function valueOf(params: Params, name: string): string {
  return encodeURIComponent(params[name] ?? '1');
}

const LIMIT_MS = 30_000;

/** Calls over HTTP. */
export async function sendTo(
  base: string,
  { method, url, headers, body }: TestRequest,
): Promise<Omit<Answer, 'reachedHandler'>> {
  const init = { method, headers, redirect: 'manual', signal: AbortSignal.timeout(LIMIT_MS) } as const;
  const response = await fetch(base + url, body === undefined ? init : { ...init, body: Buffer.from(body) });
  return { status: response.status, headers: response.headers, body: await response.text() };
}
