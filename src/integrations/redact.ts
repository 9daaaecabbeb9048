const REDACTED = '[redacted]';

// Found anywhere in a name, which is compared in lower case and without separators: `X-Api-Key`, `oldPassword`.
const WITHIN: readonly string[] = (
  'password passwd passphrase passcode secret token authorization cookie credential apikey accesskey privatekey ' +
  'signingkey encryptionkey sessionid signature bearer cardnumber securitycode socialsecurity onetimecode recoverycode'
).split(' ');
// Too short for that: `pin` is in `shipping`.
const EXACT: ReadonlySet<string> = new Set('auth cvc cvv jwt key otp pass pin pwd session sid sig ssn totp'.split(' '));
const MAX_DEPTH = 32;

/**
 * A copy in which the values of names that usually hold secrets are `[redacted]`, at any depth, in arrays too. What is
 * nested deeper than 32 levels is redacted as a whole, and what is no plain data (a stream, a buffer) is only named.
 */
export function redact(value: unknown, more: readonly string[] = []): unknown {
  const names = [...WITHIN, ...more.map(normalised).filter((name) => name !== '')];
  const isSecret = (key: string): boolean => {
    const name = normalised(key);
    return EXACT.has(name) || names.some((secret) => name.includes(secret));
  };
  const copy = (part: unknown, depth: number): unknown => {
    if (typeof part !== 'object' || part === null) return part;
    if (depth > MAX_DEPTH) return REDACTED;
    if (Array.isArray(part)) return part.map((item) => copy(item, depth + 1));
    if (!isPlain(part)) return `[${part.constructor?.name || 'object'}]`;
    const entries = Object.entries(part).map(([key, item]) => [key, isSecret(key) ? REDACTED : copy(item, depth + 1)]);
    return Object.fromEntries(entries) as unknown;
  };
  return copy(value, 0);
}

function normalised(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm, and those that parsers of query strings make without any prototype, are plain too.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
