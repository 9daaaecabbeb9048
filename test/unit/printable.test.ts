import { expect, test } from '@jest/globals';
import { oneLine, printable, printableJson } from '../../src/cli/printable.ts';

// C1 controls steer a terminal, bidirectional marks turn text around, tags are invisible.
const HOSTILE = 'a\u001b[2J\u009b2J\u202eb\u2028c\u{e0041}é';

test('what steers a terminal is shown as escapes', () => {
  expect(printable(HOSTILE)).toBe('a\\u{1b}[2J\\u{9b}2J\\u{202e}b\\u{2028}c\\u{e0041}é');
  expect(oneLine('one\n  two\u0007')).toBe('one two\\u{7}');
});

test('JSON is escaped more than it must be, and says the same', () => {
  const value = { text: HOSTILE, list: ['\n', 1] };
  for (const indent of [undefined, 2]) {
    const json = printableJson(value, indent);
    expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(json)).toEqual(value);
  }
});
