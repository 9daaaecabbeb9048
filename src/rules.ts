import { isIP } from 'node:net';
import { isKeyword } from './keywords.ts';

/**
 * What a value must be. `parse` takes the raw value, which is a string when it comes from the environment and any
 * JSON value when it comes from a file, and answers undefined when the rule refuses it. It guesses nothing: `12abc`
 * is not 12, `yes` is not true, and surrounding blanks are not cut off.
 */
export interface Rule<T> {
  /** Completes the sentence "expected …". */
  readonly expected: string;
  readonly parse: (raw: unknown) => T | undefined;
}

export function wholeNumber(lowest: number, highest: number): Rule<number> {
  return {
    expected: `a whole number from ${lowest} to ${highest}`,
    parse: (raw) => {
      // No leading zeros: half of the readers take 010 for eight.
      const value = typeof raw === 'string' && /^(0|[1-9]\d*)$/.test(raw) ? Number(raw) : raw;
      return typeof value === 'number' && Number.isInteger(value) && value >= lowest && value <= highest
        ? value
        : undefined;
    },
  };
}

export function trueOrFalse(): Rule<boolean> {
  return {
    expected: 'true or false',
    parse: (raw) => (raw === true || raw === 'true' ? true : raw === false || raw === 'false' ? false : undefined),
  };
}

export function oneOf<T extends string>(...choices: readonly T[]): Rule<T> {
  return { expected: `one of ${choices.join(', ')}`, parse: (raw) => choices.find((choice) => choice === raw) };
}

/**
 * A name that PostgreSQL takes without quotes and keeps as it is. `pg_` is PostgreSQL's own, and the words of SQL need
 * quotes, which pg-boss does not write.
 */
export function identifier(longest: number): Rule<string> {
  return text(
    `1 to ${longest} lower-case letters, digits or underscores that start with a letter or underscore, not with pg_, and are no keyword of SQL such as order`,
    longest,
    (value) => /^[a-z_][a-z0-9_]*$/.test(value) && !value.startsWith('pg_') && !isKeyword(value),
  );
}

/** Text that fits on one line of a log. */
export function line(longest: number): Rule<string> {
  return text(
    `1 to ${longest} characters without line breaks or other control characters`,
    longest,
    (value) => value.trim() !== '' && !/\p{Cc}/u.test(value),
  );
}

export function host(): Rule<string> {
  // A name of digits and dots only is an address with a mistake in it.
  const name = /^(?![\d.]+$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i;
  return text('a host name or an IP address', 253, (value) => isIP(value) !== 0 || name.test(value));
}

/**
 * A URL that names a server for `pg`. Characters that would end the password early are refused rather than
 * connected with: `postgres://user:1#23@db/x` is, to a parser, the host `user` and a fragment.
 */
export function postgresUrl(): Rule<string> {
  return text('a postgres:// or postgresql:// URL with special characters percent-encoded', 4096, (value) => {
    const url = /^postgres(ql)?:\/\/[^\s#]+$/i.test(value) ? URL.parse(value) : null;
    if (url === null || /@/.test(url.pathname + url.search)) return false;
    return [url.username, url.password, url.hostname, url.pathname].every(decodes);
  });
}

export function text(expected: string, longest: number, holds: (value: string) => boolean): Rule<string> {
  return {
    expected,
    parse: (raw) =>
      typeof raw === 'string' && raw !== '' && raw.length <= longest && !raw.includes('\0') && holds(raw)
        ? raw
        : undefined,
  };
}

function decodes(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
