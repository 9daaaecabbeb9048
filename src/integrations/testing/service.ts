import type { DeclaredRoute } from '../route-rule.ts';

export interface TestRequest {
  readonly method: string;
  /** Path and query string. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/** A service that runs. */
export interface Connection extends AsyncDisposable {
  readonly routes: readonly DeclaredRoute[];
  /** Routes that cannot be seen, and why. */
  readonly problems: readonly string[];
  /** Returns the status of the answer. */
  send(request: TestRequest): Promise<number>;
}

/** A service that can be asked for its routes and called. */
export interface AuditedService {
  connect(): Promise<Connection>;
}

const LIMIT_MS = 30_000;

/** Calls over HTTP. */
export async function sendTo(base: string, { method, url, headers, body }: TestRequest): Promise<number> {
  const init = { method, headers, redirect: 'manual', signal: AbortSignal.timeout(LIMIT_MS) } as const;
  const response = await fetch(base + url, body === undefined ? init : { ...init, body: Buffer.from(body) });
  await response.arrayBuffer();
  return response.status;
}
