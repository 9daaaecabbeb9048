import { SealogError } from '../errors.ts';

/**
 * An operation did not run, because its entry could not be begun. Fastify, Express and their error handlers read
 * `statusCode`, `headers` and `expose`: unless the service's own handler does otherwise, the client is told 503.
 */
export class AuditLogUnavailableError extends SealogError {
  override readonly name = 'AuditLogUnavailableError';
  readonly code = 'SEALOG_AUDIT_LOG_UNAVAILABLE';
  readonly statusCode = 503;
  readonly status = 503;
  readonly headers: Readonly<Record<string, string>> = { 'retry-after': '5' };
  readonly expose = true;
  readonly operationId: string;

  constructor(operationId: string, options: ErrorOptions) {
    super('not done, because it could not be audited: try again later', options);
    this.operationId = operationId;
  }
}

/** What a service throws may be a proxy, which throws when it is looked at. */
export function isUnavailable(thrown: unknown): thrown is AuditLogUnavailableError {
  try {
    return thrown instanceof AuditLogUnavailableError;
  } catch {
    return false;
  }
}
