/**
 * The errors that sealog throws: one class a kind. `code` is stable and meant for programs, the data is in
 * read-only fields, and the error that led to this one is its `cause`.
 */
export abstract class SealogError extends Error {
  abstract readonly code: string;
}

/** Settings or command-line arguments that cannot be used. Every problem is listed, one line each. */
export class ConfigError extends SealogError {
  override readonly name = 'ConfigError';
  readonly code = 'SEALOG_CONFIG';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(`invalid configuration:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`, options);
    this.problems = problems;
  }
}

/** An argument of a library call that is a mistake in the calling program: `<argument>: expected <rule>, got <value>`. */
export class InvalidArgumentError extends SealogError {
  override readonly name = 'InvalidArgumentError';
  readonly code = 'SEALOG_INVALID_ARGUMENT';
  readonly argument: string;
  /** The rule, as the message has it. */
  readonly expected: string;
  /** What was given, as it was given. Undefined when it may hold a password: loggers print it. */
  readonly got: unknown;

  constructor(argument: string, expected: string, got: unknown, shown: string = describe(got)) {
    super(`${argument}: expected ${expected}, got ${shown}`);
    this.argument = argument;
    this.expected = expected;
    this.got = got;
  }
}

/** Throws {@link InvalidArgumentError} for what has no properties: programs without types pass null. */
export function checkObject(argument: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new InvalidArgumentError(argument, 'an object', value);
}

/** Throws {@link InvalidArgumentError} when `value` has another key than those: a misspelt one would be passed over. */
export function checkKeys(argument: string, value: object, known: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new InvalidArgumentError(argument, `only the keys ${known.join(', ')}`, unknown);
}

/**
 * The embedded PostgreSQL could not be set up, started or joined. `problem` is the message without its preamble, `log`
 * the end of the server's log, if there is one.
 */
export class EmbeddedPostgresError extends SealogError {
  override readonly name = 'EmbeddedPostgresError';
  readonly code = 'SEALOG_EMBEDDED_POSTGRES';
  readonly problem: string;
  readonly log: string | undefined;

  constructor(problem: string, options: ErrorOptions & { readonly log?: string | undefined } = {}) {
    super(`embedded PostgreSQL: ${problem}${options.log ? `\n${options.log.replaceAll(/^/gm, '    ')}` : ''}`, options);
    this.problem = problem;
    this.log = options.log;
  }
}

/** A cursor that is damaged, of another version, or of another listing than the one that is asked for. */
export class InvalidCursorError extends SealogError {
  override readonly name = 'InvalidCursorError';
  readonly code = 'SEALOG_INVALID_CURSOR';
  readonly reason: string;

  constructor(reason: string) {
    super(`invalid cursor: ${reason}`);
    this.reason = reason;
  }
}

/**
 * A listing was begun newest-first on a server that had come further than this one, a standby that lags behind: its
 * next page would miss entries. Ask that server, or this one later.
 */
export class HorizonNotReachedError extends SealogError {
  override readonly name = 'HorizonNotReachedError';
  readonly code = 'SEALOG_HORIZON_NOT_REACHED';
  readonly horizon: string;
  readonly reached: string;

  constructor(horizon: string, reached: string) {
    super(`the listing goes back from ${horizon}, and this server has come to ${reached} only: ask it again later`);
    this.horizon = horizon;
    this.reached = reached;
  }
}

/** A value as an error message shows it: JSON where that says what it is, on one line, cut to 100 characters. */
export function describe(value: unknown): string {
  if (value instanceof Date) return `a Date, ${jsonOf(value)}`;
  // JSON has `{}` for it, which hides that a function should not have been asynchronous.
  if (value instanceof Promise) return 'a promise';
  const text = jsonOf(value) ?? (typeof value === 'object' ? 'an object' : typeof value);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** A value that may hold a password, told without it. What an editor or `echo` leaves at its end is easily overlooked. */
export function notPrinted(raw: string): string {
  return `a value that ${/\s$/.test(raw) ? 'ends with a line break or blank and ' : ''}is not printed (it may hold a password)`;
}

function jsonOf(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    // A cycle, or a toJSON that throws.
    return undefined;
  }
}
