import type { AuditLog } from '../../create-audit-log.ts';
import type { AuditedService } from './service.ts';

export type HeaderFields = Readonly<Record<string, string>>;

/** What to call a route with. Whatever is missing is made up: a handler that refuses it leaves an entry as well. */
export interface RouteExample {
  /** Instead of the route's own path, filled with `params`. */
  readonly path?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: HeaderFields;
  /** Text or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
}

export interface LoginRequest {
  /** Default `POST`. */
  readonly method?: string;
  /** Path and query string, e.g. `/login`. */
  readonly path: string;
  readonly headers?: HeaderFields;
  /** Text or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
}

export interface LoginAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** The cookies that were set, as the header `cookie` sends them. */
  readonly cookie: string;
}

export interface AuditCoverageOptions {
  /** What `fastifyService`, `expressService` or `openApiService` returns. */
  readonly service: AuditedService;
  /** On the database to which the service writes. */
  readonly auditLog: Pick<AuditLog, 'list'>;
  /** By route, written `POST /disks/:id`, in Fastify with its constraints: `POST /disks/:id {version: 2.0.0}`. */
  readonly examples?: Readonly<Record<string, RouteExample>>;
  /** Sent with every request, e.g. `authorization`. */
  readonly headers?: HeaderFields;
  /**
   * Called once, before the routes are: signs in by calls to the service, and returns the headers that are sent with
   * every request, e.g. `cookie`. They come before `headers`.
   */
  readonly login?: (call: (request: LoginRequest) => Promise<LoginAnswer>) => HeaderFields | Promise<HeaderFields>;
  /** Routes that leave no entry, each with the reason why. One that does leave one is a failure, too. */
  readonly allow?: Readonly<Record<string, string>>;
  /**
   * Routes whose calls may succeed by an anonymous actor, each with the reason why: `{ 'POST /login': 'nobody is known
   * yet' }`. One that succeeds by somebody is a failure, too.
   */
  readonly anonymous?: Readonly<Record<string, string>>;
  /** How long to wait for entries after the last call. Default 5000. */
  readonly timeoutMs?: number;
}

/** What was called. A proof by calls that were all refused says nothing of what happens when they are not. */
export interface AuditCoverage {
  /** Every route that mutates, in the order of the service. */
  readonly routes: readonly CoveredRoute[];
  /** How many calls came as far as the handler of their route. Undefined if that cannot be seen: `openApiService`. */
  readonly reachedHandler: number | undefined;
  /** How many calls were answered by 200 to 299. */
  readonly succeeded: number;
}

export interface CoveredRoute {
  /** As `examples` has it: `POST /disks/:id`. */
  readonly name: string;
  readonly status: number;
  /** In Express: the last function of the route was called. */
  readonly reachedHandler: boolean | undefined;
}
