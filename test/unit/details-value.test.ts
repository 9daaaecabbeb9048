import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { detailsValue } from '../../src/store/details-value.ts';

test.each([
  // The text that PostgreSQL prints, and what a reader in JavaScript is given.
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', '9007199254740992'],
  ['9007199254740993', '9007199254740993'],
  ['-9007199254740993', '-9007199254740993'],
  ['9007199254740993.0', '9007199254740993.0'],
  ['100000000000000000000', '100000000000000000000'],
  [`1${'0'.repeat(400)}`, `1${'0'.repeat(400)}`],
  ['0.1', 0.1],
  ['1.10', 1.1],
  ['0.10000000000000000000', 0.1],
  ['0.1000000000000000000001', '0.1000000000000000000001'],
  ['-0.1000000000000000055511151231257827', '-0.1000000000000000055511151231257827'],
  ['3.141592653589793', 3.141592653589793],
  ['3.1415926535897932384', '3.1415926535897932384'],
  ['0.00000000000000000001', 1e-20],
  ['0.0000000000000000', 0],
  [`0.${'0'.repeat(400)}1`, `0.${'0'.repeat(400)}1`],
  ['123456789012345.6', 123456789012345.6],
])('%s is %j', (printed, value) => {
  expect(detailsValue(printed)).toBe(value);
  expect(detailsValue(`{"a": [${printed}, {"b": ${printed}}], "c": "${printed}"}`)).toEqual({
    a: [value, { b: value }],
    c: printed,
  });
});

test('text keeps its digits, whatever quotes and backslashes are around it', () => {
  const digits = '9007199254740993';
  const text = fc.string({ unit: fc.constantFrom('"', '\\', digits, ',', ':', '[', ' ', '-', '\n', 'a') });
  fc.assert(
    fc.property(fc.dictionary(text, fc.oneof(text, fc.constant(null), fc.array(text))), (value) => {
      const json = `{"value": ${JSON.stringify(value)}, "long": ${digits}}`;
      expect(detailsValue(json)).toEqual({ value: JSON.parse(JSON.stringify(value)), long: digits });
    }),
  );
});

test('deep nesting is no trouble', () => {
  const json = `${'['.repeat(8000)}9007199254740993${']'.repeat(8000)}`;
  let value = detailsValue(json);
  while (Array.isArray(value)) [value] = value;
  expect(value).toBe('9007199254740993');
});
