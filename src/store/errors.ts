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

/** A statement was answered within a transaction of somebody else, which ends, not committed, with its connection. */
export class LeftOpenError extends Error {
  constructor() {
    super('somebody began a transaction on this connection and gave it back to the pool');
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

/**
 * The SQLSTATE of an error that the server sent. The form of a code is not enough: the system's `EPIPE` has the same. Only
 * the server's errors have a severity.
 */
export function sqlStateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { readonly code?: unknown; readonly severity?: unknown };
  return typeof severity === 'string' && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

function hasState(error: unknown, states: readonly string[]): boolean {
  const sqlState = sqlStateOf(error);
  return sqlState !== undefined && states.some((state) => sqlState.startsWith(state));
}

/** After these, nothing of the statement has been committed, and sending it again is what the server expects. */
const UNDONE_STATES = [
  '40001', // serialization failure; on a standby, what the statement read was in the way of the replay
  '40P01', // deadlock
  '25P02', // in a transaction that somebody left open on this connection, and that has failed
  '26000', // the prepared statement is gone, by `deallocate all` for one, which the connection does not know
  '57P05', // idle_session_timeout: the session was ended before the statement arrived
];

/** After these, another connection may fare better, or nobody can use this one any more. */
const CONNECTION_STATES = [
  '08', // the protocol is out of step
  '25', // read-only (25006: a standby, after a fail-over), or in a transaction that somebody left open
  '26000', // its prepared statements are gone, and it does not send them again
  '57P', // the server shuts down, has crashed, starts, has dropped the database, or has ended the session
];

/** After these, the same statement may well succeed a moment later. */
const TRANSIENT_STATES = [
  ...UNDONE_STATES,
  '08', // the connection broke
  '25006', // the server is a standby, until the address leads to the primary again
  '25P03', // idle_in_transaction_session_timeout, in a session that a pooler shares
  '25P04', // transaction_timeout, which ends a single statement too
  '53', // no connection, memory or disk space is left
  '55P03', // lock_timeout
  '57', // statement_timeout or a cancellation (57014); the server shuts down, has crashed or starts
];

const TRANSIENT_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  // A Unix socket whose queue of connections is full.
  'EAGAIN',
]);
// pg gives these no code.
const TRANSIENT_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|not queryable/i;

/** Whether the same statement may well succeed a moment later. */
export function isTransient(error: unknown): boolean {
  const cause = error instanceof StoreError ? error.cause : error;
  if (cause instanceof AggregateError) return cause.errors.every((each) => isTransient(each));
  if (cause instanceof LeftOpenError) return true;
  if (sqlStateOf(cause) !== undefined) return hasState(cause, TRANSIENT_STATES);
  const { code, message, syscall } = cause as { code?: string; message?: string; syscall?: string };
  // The Unix socket of a server that is restarting. A file that is missing is final.
  if (code === 'ENOENT') return syscall === 'connect';
  return TRANSIENT_SYSTEM_CODES.has(code ?? '') || TRANSIENT_MESSAGES.test(message ?? '');
}

/** Whether a statement in a transaction of its own certainly had no effect, and may be sent again at once. */
export function isUndone(error: unknown): boolean {
  return error instanceof LeftOpenError || hasState(error, UNDONE_STATES);
}

/** Whether the error is about the connection, which must not be used again. */
export function isOfConnection(error: unknown): boolean {
  return hasState(error, CONNECTION_STATES);
}
