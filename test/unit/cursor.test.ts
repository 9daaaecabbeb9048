import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkSameListing, type Cursor, decodeCursor, encodeCursor } from '../../src/audit-log/cursor.ts';
import { canonicalInstant, microsecondsOf } from '../../src/audit-log/instant.ts';
import { InvalidArgumentError, InvalidCursorError } from '../../src/errors.ts';

const microseconds = fc.bigInt({ min: 0n, max: 253_000_000_000_000_000n });
const instant = microseconds.map(instantOf);
const text = fc.string({ unit: 'binary', minLength: 1 });
const cursors: fc.Arbitrary<Cursor> = fc.record({
  order: fc.constantFrom('ascending', 'descending'),
  from: fc.option(instant, { nil: undefined }),
  to: fc.option(instant, { nil: undefined }),
  filter: fc.record({ operationId: text, actorId: text, tenantId: text }, { requiredKeys: [] }),
  horizon: fc.option(instant, { nil: undefined }),
  position: fc.option(fc.record({ timeCompleted: instant, id: fc.uuid({ version: 7 }) }), { nil: undefined }),
});

/** Written another way than the library does. */
function instantOf(since1970: bigint): string {
  const date = new Date(Number(since1970 / 1000n)).toISOString();
  return `${date.slice(0, -1)}${String(since1970 % 1000n).padStart(3, '0')}Z`;
}

describe('a cursor', () => {
  test('comes back as it was, through text that needs no escapes in a URL', () => {
    fc.assert(
      fc.property(cursors, (cursor) => {
        const encoded = encodeCursor(cursor);
        expect(encoded).toMatch(/^[\w-]+$/);
        expect(decodeCursor(encoded)).toEqual(cursor);
      }),
    );
  });

  test('with any one character changed, left out or added is refused, or says the same', () => {
    const character = fc.constantFrom('A', 'B', 'Z', 'a', 'b', 'z', '0', '9', '-', '_', '+', '/', '=', '.', ' ', 'é');
    fc.assert(
      fc.property(cursors, character, (cursor, other) => {
        const encoded = encodeCursor(cursor);
        for (let at = 0; at <= encoded.length; at++) {
          const [before, after] = [encoded.slice(0, at), encoded.slice(at + 1)];
          const damaged = [before + other + after, before + after, before + other + encoded.slice(at)];
          expect(damaged.filter((each) => !isRefusedOrSame(each, cursor))).toEqual([]);
        }
      }),
      { numRuns: 6 },
    );
  });

  test('made of any other text is refused', () => {
    fc.assert(fc.property(fc.string(), (other) => expect(() => decodeCursor(other)).toThrow(InvalidCursorError)));
    expect(() => decodeCursor(undefined as never)).toThrow(InvalidCursorError);
  });

  test.each([
    null,
    {},
    [],
    { filter: {} },
    { order: 'sideways', filter: {} },
    { order: 'ascending', filter: { operationId: 1 } },
    { order: 'ascending', filter: { horizon: 'x' } },
    { order: 'ascending', filter: {}, from: 'yesterday' },
    { order: 'ascending', filter: {}, horizon: 1 },
    { order: 'ascending', filter: {}, position: {} },
    { order: 'ascending', filter: {}, position: { timeCompleted: '2026-03-01T12:00:00.000001Z', id: '1 or true' } },
  ])('made by somebody else out of %j is refused', (forged) => {
    expect(() => decodeCursor(encodeCursor(forged as never))).toThrow(InvalidCursorError);
  });

  test('of another version says so', () => {
    const cursor = { version: 2, order: 'ascending', filter: {} } as unknown as Cursor;
    expect(() => decodeCursor(encodeCursor(cursor))).toThrow(
      'invalid cursor: expected version 1, got 2: another version of sealog made it',
    );
  });
});

function isRefusedOrSame(damaged: string, cursor: Cursor): boolean {
  try {
    return isDeepStrictEqual(decodeCursor(damaged), JSON.parse(JSON.stringify(cursor)));
  } catch (error) {
    return error instanceof InvalidCursorError;
  }
}

describe('a cursor and a query', () => {
  const cursor: Cursor = {
    order: 'ascending',
    from: '2026-03-01T00:00:00.000000Z',
    to: undefined,
    filter: { operationId: 'disk_create' },
    horizon: undefined,
    position: undefined,
  };

  test('fit together when what the query says again is the same', () => {
    const same = { order: 'ascending', from: cursor.from, operationId: 'disk_create' } as const;
    expect(() => checkSameListing(cursor, {})).not.toThrow();
    expect(() => checkSameListing(cursor, same)).not.toThrow();
  });

  test.each([
    [{ order: 'descending' }, 'order "ascending", and "descending" was asked for'],
    [{ from: '2026-03-01T00:00:00.000001Z' }, 'from "2026-03-01T00:00:00.000000Z", and "2026-03-01T00:00:00.000001Z"'],
    [{ to: '2026-03-02T00:00:00.000000Z' }, 'to undefined, and "2026-03-02T00:00:00.000000Z" was asked for'],
    [{ operationId: 'disk_delete' }, 'operationId "disk_create", and "disk_delete" was asked for'],
    [{ actorId: 'u1' }, 'actorId undefined, and "u1" was asked for'],
    [{ tenantId: 't1' }, 'tenantId undefined, and "t1" was asked for'],
    [{ result: 'error' }, 'result undefined, and "error" was asked for'],
  ] as const)('do not with %j', (query, message) => {
    expect(() => checkSameListing(cursor, query)).toThrow(`invalid cursor: it belongs to a listing with ${message}`);
  });
});

describe('an instant', () => {
  test('in canonical form stays as it is, and counts its microseconds', () => {
    fc.assert(
      fc.property(microseconds, (since1970) => {
        const canonical = instantOf(since1970);
        expect(canonicalInstant('from', canonical)).toBe(canonical);
        expect(microsecondsOf(canonical)).toBe(since1970);
      }),
    );
  });

  test('sorts as text as it does in time', () => {
    fc.assert(
      fc.property(microseconds, microseconds, (one, other) => {
        expect(instantOf(one) < instantOf(other)).toBe(one < other);
      }),
    );
  });

  test('in any time zone is the same instant in UTC', () => {
    const minutes = fc.integer({ min: -14 * 60, max: 14 * 60 });
    fc.assert(
      fc.property(fc.bigInt({ min: 86_400_000_000n, max: 253_000_000_000_000_000n }), minutes, (since1970, offset) => {
        const local = instantOf(since1970 + BigInt(offset) * 60_000_000n).slice(0, -1);
        const [hours, rest] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const zone = `${offset < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
        expect(canonicalInstant('from', local + zone)).toBe(instantOf(since1970));
      }),
    );
  });

  test.each([
    ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00.000000Z'],
    ['2026-03-01 12:00Z', '2026-03-01T12:00:00.000000Z'],
    ['2026-03-01T12:00:00.5+02:00', '2026-03-01T10:00:00.500000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000000Z'],
    ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
  ])('%s is %s', (given, canonical) => {
    expect(canonicalInstant('from', given)).toBe(canonical);
  });

  test.each([
    '2026-03-01',
    '2026-03-01T12:00:00',
    '2026-02-29T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-03-01T12:00:60Z',
    '2026-03-01T12:00:00.0000001Z',
    ' 2026-03-01T12:00:00Z',
    '0000-12-31T00:00:00Z',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-14:00',
    'infinity',
    '',
    new Date(0),
    0,
    null,
  ])('is not %p', (given) => {
    expect(() => canonicalInstant('from', given)).toThrow(InvalidArgumentError);
    expect(() => canonicalInstant('from', given)).toThrow(/^from: expected an instant like 2026-03-01T12:00:00/);
  });
});
