import { SealogError } from '../errors.ts';

/** PostgreSQL refused or could not be reached. `sqlState` and `constraint` are those of the server, if it answered. */
export class StoreError extends SealogError {
  override readonly name = 'StoreError';
  readonly code = 'SEALOG_STORE';
  /** What was being done: `begin`, `complete`, … */
  readonly operation: string;
  readonly sqlState: string | undefined;
  /** The constraint or rule that was broken, e.g. `audit_log_completed_is_final`. */
  readonly constraint: string | undefined;

  constructor(operation: string, cause: unknown) {
    const { message, code, constraint } = cause as { message?: string; code?: string; constraint?: string };
    super(`${operation}: ${message ? message : (code ?? 'unknown error')}`, { cause });
    this.operation = operation;
    this.sqlState = sqlStateOf(cause);
    this.constraint = constraint;
  }
}

/**
 * An entry could not be begun within the time limit, so the operation must not run. If the insert had been sent, it is
 * cancelled; should it have committed all the same, the worker will complete the entry as `timeout`.
 */
export class BeginTimeoutError extends SealogError {
  override readonly name = 'BeginTimeoutError';
  readonly code = 'SEALOG_BEGIN_TIMEOUT';
  readonly limitMs: number;
  /** `connection`: the pool gave none, and nothing was sent. `answer`: the insert was sent. */
  readonly waitedFor: 'connection' | 'answer';

  constructor(limitMs: number, waitedFor: 'connection' | 'answer') {
    super(`begin: expected ${waitedFor === 'answer' ? 'an answer' : 'a connection'} within ${limitMs} ms, got none`);
    this.limitMs = limitMs;
    this.waitedFor = waitedFor;
  }
}

/** The schema of the database does not fit this version of sealog. The message says what to do. */
export class SchemaVersionError extends SealogError {
  override readonly name = 'SchemaVersionError';
  readonly code = 'SEALOG_SCHEMA_VERSION';
  /** `behind`: it must be migrated first. `ahead`: this version of sealog is too old for it. */
  readonly schema: 'behind' | 'ahead';

  constructor(schema: 'behind' | 'ahead', message: string) {
    super(message);
    this.schema = schema;
  }
}

/** Rules of the audit log are off, and `migrate` could not put them back. */
export class RulesOffError extends SealogError {
  override readonly name = 'RulesOffError';
  readonly code = 'SEALOG_RULES_OFF';
  /** A sentence for each rule, and why it is off still. */
  readonly rules: readonly string[];

  constructor(rules: readonly string[]) {
    super(`rules of the audit log are off:\n${rules.map((rule) => `  - ${rule}`).join('\n')}`);
    this.rules = rules;
  }
}

/** Runs `action`; what it throws becomes a {@link StoreError} that names the operation. */
export async function asStoreError<T>(operation: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof SealogError ? error : new StoreError(operation, error);
  }
}

function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

// Connection trouble, the server going down or starting, too many connections, serialization, deadlock, lock timeout, a
// server that is a standby while another one is made the primary.
const TRANSIENT_STATES = /^(?:08...|57P0[1-5]|53300|40001|40P01|55P03|25006)$/;
const TRANSIENT_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
// pg gives these no code.
const TRANSIENT_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|not queryable/i;

/** Whether the same statement may well succeed a moment later. */
export function isTransient(error: unknown): boolean {
  const cause = error instanceof StoreError ? error.cause : error;
  if (cause instanceof AggregateError) return cause.errors.every((each) => isTransient(each));
  const sqlState = sqlStateOf(cause);
  if (sqlState) return TRANSIENT_STATES.test(sqlState);
  const { code, message } = cause as { code?: string; message?: string };
  return TRANSIENT_SYSTEM_CODES.has(code ?? '') || TRANSIENT_MESSAGES.test(message ?? '');
}
