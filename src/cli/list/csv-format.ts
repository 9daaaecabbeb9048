import { stringify } from 'csv-stringify/sync';
import type { Instant } from '../../audit-log/instant.ts';
import type { ExactEntry } from '../../store/select-entries.ts';
import type { EntryFormat } from './entry-format.ts';

type Cell = (entry: ExactEntry) => string | number | null | undefined;

/** The columns in their order. docs/listing.md describes them, and programs rely on them: add only at the end. */
const COLUMNS: Readonly<Record<string, Cell>> = {
  id: ({ id }) => id,
  timeStarted: ({ timeStarted }) => timeStarted,
  timeCompleted: ({ timeCompleted }) => timeCompleted,
  operationId: ({ operationId }) => operationId,
  actorKind: ({ actor }) => actor.kind,
  actorId: ({ actor }) => (actor.kind === 'anonymous' ? null : actor.id),
  tenantId: ({ tenantId }) => tenantId,
  authMethod: ({ authMethod }) => authMethod,
  credentialId: ({ credentialId }) => credentialId,
  requestId: ({ requestId }) => requestId,
  requestUri: ({ requestUri }) => requestUri,
  sourceIp: ({ sourceIp }) => sourceIp,
  userAgent: ({ userAgent }) => userAgent,
  resourceType: ({ resource }) => resource?.type,
  resourceId: ({ resource }) => resource?.id,
  details: ({ details }) => details,
  instanceId: ({ instanceId }) => instanceId,
  resultKind: ({ result }) => result.kind,
  httpStatusCode: ({ result }) => (result.kind === 'unknown' ? null : result.httpStatusCode),
  errorCode: ({ result }) => (result.kind === 'error' ? result.code : null),
  errorMessage: ({ result }) => (result.kind === 'error' ? result.message : null),
  amends: ({ amends }) => amends,
};

/** How CSV differs for a spreadsheet. */
export interface CsvOptions {
  /** Puts an apostrophe before what a spreadsheet would run as a formula. */
  readonly escapeFormulas: boolean;
  /** A byte-order mark, and times that a spreadsheet takes for times: UTC, to the second. */
  readonly excel: boolean;
}

/** CSV after RFC 4180. Nothing is a cell without quotes and empty text is one with quotes, as in PostgreSQL. */
export function csvFormat({ escapeFormulas, excel }: CsvOptions): EntryFormat {
  const cells = { ...COLUMNS, ...(excel && EXCEL_TIMES) };
  const columns = Object.keys(cells);
  const values = Object.values(cells).map((cell): Cell => (escapeFormulas ? (entry) => escaped(cell(entry)) : cell));
  let header = true;
  return (entries) => {
    const rows = entries.map((entry) => values.map((value) => value(entry)));
    const text = stringify(rows, {
      columns,
      header,
      bom: header && excel,
      record_delimiter: '\r\n',
      // A line break of any kind inside a cell needs quotes, not only the one that ends a row.
      quote_record_delimiter: true,
      quoted_match: /^$/,
    });
    header = false;
    return text;
  };
}

const EXCEL_TIMES: Readonly<Record<string, Cell>> = {
  timeStarted: ({ timeStarted }) => spreadsheetTime(timeStarted),
  timeCompleted: ({ timeCompleted }) => spreadsheetTime(timeCompleted),
};

/** Without a zone and without a fraction: the point before one is a comma in half of the world, and then it is text. */
function spreadsheetTime(instant: Instant): string {
  return instant.slice(0, 19).replace('T', ' ');
}

/**
 * Where a spreadsheet begins a formula: at the start of a cell, and behind what it may take for the end of one, a
 * semicolon, tab or line break, when it splits where we do not. Blanks and invisible characters before the sign are passed
 * over, and the wide forms of the signs are signs. At the start a tab or line break is enough.
 */
const FORMULA =
  /^(?=[\s\p{C}]*[=+\-@＝＋－＠]|[\t\r\n])|(?<=[;\t\r\n])(?=(?:(?![;\t\r\n])[\s\p{C}])*[=+\-@＝＋－＠])/gu;

function escaped(value: ReturnType<Cell>): ReturnType<Cell> {
  return typeof value === 'string' ? value.replaceAll(FORMULA, "'") : value;
}
