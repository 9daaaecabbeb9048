import { randomUUID } from 'node:crypto';
import { checkHeaders } from './check-coverage-options.ts';
import type { AuditCoverageOptions, HeaderFields, LoginAnswer } from './options.ts';
import type { Answer, CallableRoute, Connection } from './service.ts';

/** One route that was called. */
export interface Call extends Answer {
  readonly route: CallableRoute;
  /** The user agent of this call, and of no other. */
  readonly marker: string;
  /** It should leave no entry. */
  readonly isAllowed: boolean;
}

export async function callEach(
  connection: Connection,
  routes: ReadonlyMap<string, CallableRoute>,
  options: AuditCoverageOptions,
): Promise<Call[]> {
  const { allow = {}, examples = {}, headers = {} } = options;
  const run = randomUUID();
  const session = await signIn(connection, options, `sealog-coverage/${run}/login`);
  // Those that should leave none come first: what they leave is in the log before what is waited for.
  const names = [...routes].toSorted(([a], [b]) => Number(Object.hasOwn(allow, b)) - Number(Object.hasOwn(allow, a)));
  const calls: Call[] = [];
  for (const [name, route] of names) {
    const { path, params = {}, query = {}, body, ...example } = examples[name] ?? {};
    const marker = `sealog-coverage/${run}/${calls.length}`;
    const search = new URLSearchParams(query).toString();
    const answer = await connection.send({
      method: route.method,
      url: (path ?? connection.fill(route.path, params)) + (search && `?${search}`),
      ...contentOf(body, { ...route.headers, ...session, ...headers, ...example.headers, 'user-agent': marker }),
    });
    calls.push({ ...answer, route, marker, isAllowed: Object.hasOwn(allow, name) });
  }
  return calls;
}

/** The headers that `login` returns. */
async function signIn(
  connection: Connection,
  { login, headers: always = {} }: AuditCoverageOptions,
  userAgent: string,
): Promise<HeaderFields> {
  if (login === undefined) return {};
  const session = await login(async ({ method = 'POST', path, headers = {}, body }): Promise<LoginAnswer> => {
    const content = contentOf(body, { ...always, ...headers, 'user-agent': userAgent });
    const answer = await connection.send({ method, url: path, ...content });
    const cookies = answer.headers.getSetCookie().map((cookie) => cookie.replace(/;.*$/s, ''));
    return { status: answer.status, headers: answer.headers, body: answer.body, cookie: cookies.join('; ') };
  });
  checkHeaders('login', session);
  return session;
}

function contentOf(
  body: unknown,
  headers: HeaderFields,
): { headers: HeaderFields; body: string | Uint8Array | undefined } {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return { headers, body };
  return { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}
