import { checkKeys, checkObject, InvalidArgumentError } from '../errors.ts';

/** Throws {@link InvalidArgumentError} for what a program without types, or with a mistake, passes. */
export type Check = (argument: string, value: unknown) => void;

/** One check for each key that there is, and no other key. `named` is how an error names one. */
export function checkEach(
  argument: string,
  value: unknown,
  checks: Readonly<Record<string, Check>>,
  named: (key: string) => string = (key) => key,
): void {
  checkObject(argument, value);
  const given = value as Readonly<Record<string, unknown>>;
  checkKeys(argument, given, Object.keys(checks));
  for (const [key, check] of Object.entries(checks)) check(named(key), given[key]);
}

export function optional(check: Check): Check {
  return (argument, value) => {
    if (value !== undefined) check(argument, value);
  };
}

/** Tells no more than the type of what was given: where an audit log is expected, that may be a connection string. */
export function withMethods(methods: readonly string[], expected: string): Check {
  return (argument, value) => {
    const given = Object(value) as Readonly<Record<string, unknown>>;
    if (methods.every((name) => typeof given[name] === 'function')) return;
    throw new InvalidArgumentError(argument, expected, value === null ? null : typeof value);
  };
}

export const checkFunction: Check = (argument, value) => {
  if (typeof value !== 'function') throw new InvalidArgumentError(argument, 'a function', value);
};

export const checkBoolean: Check = (argument, value) => {
  if (typeof value !== 'boolean') throw new InvalidArgumentError(argument, 'true or false', value);
};

export const anything: Check = () => {};
