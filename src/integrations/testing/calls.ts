import { randomUUID } from 'node:crypto';
import type { AuditCoverageOptions } from '../testing.ts';
import type { CallableRoute, Connection } from './service.ts';

/** One route that was called. */
export interface Call {
  readonly route: CallableRoute;
  /** The user agent of this call, and of no other. */
  readonly marker: string;
  /** It should leave no entry. */
  readonly isAllowed: boolean;
  readonly status: number;
}

export async function callEach(
  connection: Connection,
  routes: ReadonlyMap<string, CallableRoute>,
  { allow = {}, examples = {}, headers = {} }: AuditCoverageOptions,
): Promise<Call[]> {
  const run = randomUUID();
  // Those that should leave none come first: what they leave is in the log before what is waited for.
  const names = [...routes].toSorted(([a], [b]) => Number(Object.hasOwn(allow, b)) - Number(Object.hasOwn(allow, a)));
  const calls: Call[] = [];
  for (const [name, route] of names) {
    const { path, params = {}, query = {}, body, ...example } = examples[name] ?? {};
    const marker = `sealog-coverage/${run}/${calls.length}`;
    const search = new URLSearchParams(query).toString();
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const status = await connection.send({
      method: route.method,
      url: (path ?? connection.fill(route.path, params)) + (search && `?${search}`),
      headers: {
        ...(body !== undefined && !isRaw && { 'content-type': 'application/json' }),
        ...route.headers,
        ...headers,
        ...example.headers,
        'user-agent': marker,
      },
      body: isRaw || body === undefined ? body : JSON.stringify(body),
    });
    calls.push({ route, marker, isAllowed: Object.hasOwn(allow, name), status });
  }
  return calls;
}
