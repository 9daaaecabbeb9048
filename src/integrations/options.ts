import type { Actor, Resource } from '../audit-log/entry.ts';
import type { AuditLog } from '../create-audit-log.ts';
import type { Logger } from '../logger.ts';
import type { RouteRules } from './route-rule.ts';

type Awaitable<T> = T | Promise<T>;

/**
 * What both integrations take. The functions are yours: they get the framework's own objects, and may be asynchronous.
 * Only `actor` can keep an operation from running; what another one throws is logged, and its part is left out, as is
 * that of one that takes more than a second.
 */
export interface AuditOptions<Request, Reply> extends RouteRules {
  readonly auditLog: Pick<AuditLog, 'begin' | 'complete'>;
  /**
   * Who asks. Called when the entry is begun; when it throws then, the handler does not run, and for its answer the request
   * waits without a limit. Where that was `anonymous`
   * it is called again when the answer has been sent, and whom it knows by then is recorded in `details.actor`.
   */
  readonly actor: (request: Request) => Awaitable<Actor>;
  /** Whose data it is. Called as `actor` is, and again if it was undefined: what is known by then is `details.tenant`. */
  readonly tenant?: ((request: Request) => Awaitable<string | undefined>) | undefined;
  /**
   * What it is done to. Called twice: before the handler, without `reply`, and when the answer has been sent, with it.
   * What the second call returns replaces what the first did; undefined changes nothing.
   */
  readonly resource?: ((request: Request, reply?: Reply) => Awaitable<Resource | undefined>) | undefined;
  /** What else should be known. Called twice, as `resource` is; what it returns last is what is kept. */
  readonly details?:
    ((request: Request, reply?: Reply) => Awaitable<Readonly<Record<string, unknown>> | undefined>) | undefined;
  /**
   * What to tell of an error that was thrown, besides its code, if the client was answered by 400 or more. Undefined,
   * and the default: what the status means. Give messages of your own errors only: those of parsers and drivers quote
   * what they were given. Express: only of what `errors` has seen.
   */
  readonly errorMessage?: ((error: unknown) => Awaitable<string | undefined>) | undefined;
  /** What to put into `details` of what the client sent. Default: nothing. */
  readonly record?: RecordedParts | undefined;
  /**
   * The response header with the entry's id, e.g. `x-audit-entry`. Default: none. Fastify: not on what a hook answers, which
   * is sent before its entry is begun.
   */
  readonly entryIdHeader?: string | undefined;
  /** For what cannot be told to anybody else. Default: the request's logger (Fastify), JSON lines on stderr (Express). */
  readonly logger?: Logger | undefined;
}

export interface RecordedParts {
  /** The query string, parsed, as `details.query`. */
  readonly query?: boolean | undefined;
  /** The body, parsed, as `details.body`. */
  readonly body?: boolean | undefined;
  /** Names whose values become `[redacted]`, besides the usual ones. Compared without case and separators. */
  readonly redact?: readonly string[] | undefined;
}
