import { stringify } from 'csv-stringify/sync';
import type { Entry } from '../../audit-log/listing.ts';
import type { EntryFormat } from './entry-format.ts';

type Cell = (entry: Entry) => string | number | null | undefined;

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
  details: ({ details }) => (details === null ? null : JSON.stringify(details)),
  instanceId: ({ instanceId }) => instanceId,
  resultKind: ({ result }) => result.kind,
  httpStatusCode: ({ result }) => (result.kind === 'unknown' ? null : result.httpStatusCode),
  errorCode: ({ result }) => (result.kind === 'error' ? result.code : null),
  errorMessage: ({ result }) => (result.kind === 'error' ? result.message : null),
  amends: ({ amends }) => amends,
};
const NAMES = Object.keys(COLUMNS);
const CELLS = Object.values(COLUMNS);

/** CSV after RFC 4180. Nothing is a cell without quotes and empty text is one with quotes, as in PostgreSQL. */
export function csvFormat({ escapeFormulas }: { readonly escapeFormulas: boolean }): EntryFormat {
  let header = true;
  return (entries) => {
    const rows = entries.map((entry) => CELLS.map((cell) => cell(entry)));
    const text = stringify(rows, {
      columns: NAMES,
      header,
      record_delimiter: '\r\n',
      // A line break of any kind inside a cell needs quotes, not only the one that ends a row.
      quote_record_delimiter: true,
      quoted_match: /^$/,
      escape_formulas: escapeFormulas,
    });
    header = false;
    return text;
  };
}
