const REDACTED = '[redacted]';

// Found anywhere in a name, which is compared in lower case and without separators: `X-Api-Key`, `oldPassword`.
const WITHIN: readonly string[] = (
  'password passwd passphrase passcode pwd secret token authorization cookie credential apikey accesskey privatekey ' +
  'signingkey encryptionkey sessionid signature bearer cardnumber securitycode socialsecurity onetimecode recoverycode ' +
  'codeverifier samlrequest samlresponse mnemonic seedphrase connectionstring'
).split(' ');
// Too short for that, so these are words of a name, or two of them: `pin` is in `shipping`, and is one in `pinCode`.
const WORDS: ReadonlySet<string> = new Set(
  'auth cardno cvc cvv jwt otp pass pin pw session sid sig ssn totp'.split(' '),
);
// In a longer name it is what something is found by: `primaryKey`.
const ALONE = 'key';
const MAX_DEPTH = 32;
// What an entry keeps holds no more names than this.
const MAX_NAMES = 4096;
const MAX_NAME_LENGTH = 256;

/**
 * A copy in which the values of names that usually hold secrets are `[redacted]`, at any depth, in arrays too, and in
 * pairs as forms have them: `{ name: 'password', value: … }`, with `key` for `name`, in any case. What is nested deeper
 * than 32 levels, or has a name of more than 256 characters, is redacted as a whole, and what is no plain data (a stream,
 * a buffer) is only named.
 */
export function redact(value: unknown, more: readonly string[] = []): unknown {
  const within = [...WITHIN, ...more.map((name) => wordsOf(name).join('')).filter((name) => name !== '')];
  let looked = 0;
  const isSecret = (key: unknown): boolean => {
    if (typeof key !== 'string') return false;
    // Clients send more and longer names than any field has, and looking takes time.
    if (key.length > MAX_NAME_LENGTH || ++looked > MAX_NAMES) return true;
    const words = wordsOf(key);
    const name = words.join('');
    return (
      name === ALONE ||
      within.some((secret) => name.includes(secret)) ||
      words.some((word, index) => WORDS.has(word) || WORDS.has(word + (words[index + 1] ?? '')))
    );
  };
  const copy = (part: unknown, depth: number): unknown => {
    if (typeof part !== 'object' || part === null) return part;
    if (depth > MAX_DEPTH) return REDACTED;
    if (Array.isArray(part)) return part.map((item) => copy(item, depth + 1));
    if (!isPlain(part)) return `[${part.constructor?.name || 'object'}]`;
    const fields = Object.entries(part);
    const isSecretPair = fields.some(([key, item]) => /^(?:name|key)$/i.test(key) && isSecret(item));
    const entries = fields.map(([key, item]) => {
      const isHidden = isSecret(key) || (isSecretPair && /^value$/i.test(key));
      return [key, isHidden ? REDACTED : copy(item, depth + 1)];
    });
    return Object.fromEntries(entries) as unknown;
  };
  return copy(value, 0);
}

// As in `userPwd`, `SAMLResponse` and `otp2`.
const WORD = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{L}--\p{Lu}]+|\p{N}+/gv;

/** Its words in lower case, without what is between them. */
function wordsOf(name: string): string[] {
  return (
    name
      .normalize('NFKC')
      .match(WORD)
      ?.map((word) => word.toLowerCase()) ?? []
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm, and those that parsers of query strings make without any prototype, are plain too.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
