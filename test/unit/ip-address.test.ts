import { expect, test } from '@jest/globals';
import { storableAddress } from '../../src/store/ip-address.ts';

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:51008', '203.0.113.7'],
  [' 203.0.113.7:51008 ', '203.0.113.7'],
  ['203.0.113.7:_hidden', '203.0.113.7'],
  ['"203.0.113.7:51008"', '203.0.113.7'],
  ['2001:db8::1', '2001:db8::1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['"[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
  ['"[2001:db8::1]:_SEVKISEK"', '2001:db8::1'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['[::ffff:203.0.113.7]:51008', '203.0.113.7'],
  ['::ffff:cb00:7107', '203.0.113.7'],
  ['fe80::1%eth0', 'fe80::1'],
  ['[fe80::1%25eth0]:443', 'fe80::1'],
  // Whoever writes IPv6 and a port without brackets writes another address.
  ['2001:db8::1:443', '2001:db8::1:443'],
])('%s is the address %s', (given, address) => {
  expect(storableAddress(given)).toBe(address);
});

test.each([
  '',
  'unknown',
  '"_gazonk"',
  'localhost:80',
  '203.0.113.7:',
  '203.0.113.7:port',
  '203.0.113.7:123456',
  '203.0.113.7/32',
  '[203.0.113.7]:80',
  '[2001:db8::1',
  '2001:db8::1]:443',
  '[2001:db8::1]443',
  '203.0.113.7, 198.51.100.2',
  'for=203.0.113.7',
  '010.0.0.1:80',
  '0x7f.1:80',
  '127.1:80',
  undefined,
  7,
])('%j is no address', (given) => {
  expect(storableAddress(given)).toBeNull();
});
