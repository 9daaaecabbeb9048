import { describe, expect, test } from '@jest/globals';
import { csvFormat } from '../../src/cli/list/csv-format.ts';
import type { ExactEntry } from '../../src/store/select-entries.ts';
import { parseCsv } from '../support/parse-csv.ts';

/** An entry with this text of a client in it. */
function entryWith(userAgent: string): ExactEntry {
  return {
    id: '0197d5a0-0000-7000-8000-000000000000',
    timeStarted: '2026-03-01T12:00:00.123456Z',
    timeCompleted: '2026-03-01T23:59:59.999999Z',
    operationId: 'disk_create',
    actor: { kind: 'system' },
    tenantId: null,
    authMethod: null,
    credentialId: null,
    requestId: null,
    requestUri: null,
    sourceIp: null,
    userAgent,
    resource: null,
    details: '{"a": -1}',
    instanceId: null,
    result: { kind: 'success', httpStatusCode: 200 },
    amends: null,
  };
}

function cellsOf(userAgent: string, options: { readonly escapeFormulas: boolean; readonly excel: boolean }) {
  const [header, row] = parseCsv(csvFormat(options)([entryWith(userAgent)]).replace(/^\ufeff/, ''));
  return Object.fromEntries(header!.map((name, column) => [name, row![column]]));
}

const SIGNS = ['=', '+', '-', '@', '\uff1d', '\uff0b', '\uff0d', '\uff20'];
const BEFORE = ['', ' ', '   ', '\u00a0', '\u3000', '\ufeff', '\u200b', '\u0001', '\t', '\n', '\r', '\r\n', ' \n\t '];

describe('what a spreadsheet would run as a formula', () => {
  test.each(BEFORE)('begins with a sign, also behind %j', (before) => {
    for (const sign of SIGNS) {
      const text = `${before}${sign}1+1`;
      const { userAgent } = cellsOf(text, { escapeFormulas: true, excel: false });
      expect(userAgent!.startsWith("'")).toBe(true);
      expect(userAgent!.replaceAll("'", '')).toBe(text);
      // CSV itself is exact.
      expect(cellsOf(text, { escapeFormulas: false, excel: false })['userAgent']).toBe(text);
    }
  });

  test.each(['\tx', '\nx', '\rx'])('is what begins with a tab or a line break: %j', (text) => {
    expect(cellsOf(text, { escapeFormulas: true, excel: false })['userAgent']).toBe(`'${text}`);
  });

  test.each([
    ['a;=1', "a;'=1"],
    ['a\t@x', "a\t'@x"],
    ['a\n =1', "a\n' =1"],
    ['a\r\n+1;-2', "a\r\n'+1;'-2"],
  ])('begins behind what may end a cell: %j', (text, escaped) => {
    expect(cellsOf(text, { escapeFormulas: true, excel: false })['userAgent']).toBe(escaped);
  });

  test.each(['', 'a=b', 'a-b', 'Mozilla/5.0 (X11; Linux)', 'a;b=c', ' a', "'=1", '1-1', 'a,=1'])(
    'is not %j',
    (text) => {
      expect(cellsOf(text, { escapeFormulas: true, excel: false })['userAgent']).toBe(text);
    },
  );
});

test('times for a spreadsheet are UTC to the second, cut and not rounded; numbers stay numbers', () => {
  expect(cellsOf('x', { escapeFormulas: true, excel: true })).toMatchObject({
    timeStarted: '2026-03-01 12:00:00',
    timeCompleted: '2026-03-01 23:59:59',
    httpStatusCode: '200',
    details: '{"a": -1}',
    tenantId: null,
  });
});
