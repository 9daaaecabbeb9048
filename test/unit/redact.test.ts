import { expect, test } from '@jest/globals';
import { redact } from '../../src/integrations/redact.ts';

const namesThatAreKept = (names: readonly string[], more?: readonly string[]): string[] => {
  const copy = redact(Object.fromEntries(names.map((name) => [name, 'canary'])), more) as Record<string, string>;
  return names.filter((name) => copy[name] === 'canary');
};

test('names that hold secrets, as people write them', () => {
  const long = 'password X-Api-Key oldPassword client_secret ACCESS_TOKEN tokenCount sessionId bearer';
  const short =
    'key pwd userPwd userpwd dbPass db_pass pw PW pinCode PIN otpCode OTPCode otp2 authKey ssnNumber user_session';
  const others =
    'code_verifier SAMLResponse SAMLRequest mnemonic seedPhrase connectionString connection_string card_no cardNo';
  const odd = ['pass word', 'ｐａｓｓｗｏｒｄ', 'user.pwd', 'user[pass]', '2fa-pin'];
  expect(namesThatAreKept([long, short, others].join(' ').split(' ').concat(odd))).toEqual([]);
});

test('words that only contain one are kept', () => {
  const words =
    'shipping compass assess passenger keyboard monkey primaryKey author spinner option discardNotes assign inside ' +
    'possession obsession reside cardinal powder';
  expect(namesThatAreKept(words.split(' '))).toEqual(words.split(' '));
});

test('pairs of a name and a value, as forms and headers are listed', () => {
  const fields = [
    { name: 'password', value: 'canary' },
    { name: 'nick', value: 'canary', type: 'text' },
    { name: 'user', value: 'u' },
    { key: 'x-api-key', value: ['canary'] },
    { key: 1, name: 'password', value: 'canary' },
    { key: 'row', name: 'password', value: 'canary' },
    { Name: 'password', Value: 'canary' },
    { KEY: 'nick', VALUE: ['canary'] },
    { name: 'password', other: 'kept: no pair' },
  ];
  expect(redact({ fields }, ['nick'])).toEqual({
    fields: [
      { name: 'password', value: '[redacted]' },
      { name: 'nick', value: '[redacted]', type: 'text' },
      { name: 'user', value: 'u' },
      { key: '[redacted]', value: '[redacted]' },
      { key: '[redacted]', name: 'password', value: '[redacted]' },
      { key: '[redacted]', name: 'password', value: '[redacted]' },
      { Name: 'password', Value: '[redacted]' },
      { KEY: '[redacted]', VALUE: '[redacted]' },
      { name: 'password', other: 'kept: no pair' },
    ],
  });
});

test('more and longer names than an entry keeps are not looked at, and redacted', () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`f${index}`, index]));
  const copy = redact({ ['aB1'.repeat(100)]: 'canary', many });
  expect(copy).toMatchObject({ ['aB1'.repeat(100)]: '[redacted]', many: { f0: 0, f4999: '[redacted]' } });
});

test('what the service adds is found within names, without case and separators', () => {
  expect(namesThatAreKept(['NickName', 'old_nick-name', 'name'], ['nick-name', ' '])).toEqual(['name']);
});
