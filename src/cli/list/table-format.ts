import type { Entry, EntryResult } from '../../audit-log/listing.ts';
import { columnsOf, cutColumns, padColumns } from '../columns.ts';
import { printable } from '../printable.ts';
import type { EntryFormat } from './entry-format.ts';

const HEADING = ['completed', 'result', 'operation', 'actor', 'tenant', 'resource', 'id'];

/** Aligned columns for people. A column only ever grows, so that what comes later stands under what came before. */
export function tableFormat(): EntryFormat {
  const widths = HEADING.map(columnsOf);
  let rows = [HEADING];
  return (entries) => {
    rows.push(...entries.map((entry) => cellsOf(entry).map(readable)));
    for (const row of rows) {
      row.forEach((cell, column) => (widths[column] = Math.max(widths[column]!, columnsOf(cell))));
    }
    const lines = rows.map(
      (row) =>
        `${row
          .map((cell, column) => padColumns(cell, widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    );
    rows = [];
    return lines.join('');
  };
}

function cellsOf({ id, timeCompleted, operationId, actor, tenantId, resource, result, amends }: Entry): string[] {
  return [
    timeCompleted,
    resultText(result),
    operationId,
    joined(actor.kind, actor.kind === 'anonymous' ? undefined : actor.id),
    tenantId ?? '-',
    resource ? joined(resource.type, resource.id) : '-',
    amends === null ? id : `${id} amends ${amends}`,
  ];
}

/** `error 403 Forbidden`, as far as that is known. */
export function resultText(result: EntryResult): string {
  const code = result.kind === 'unknown' ? null : result.httpStatusCode;
  return [result.kind, code, result.kind === 'error' ? result.code : null].filter((part) => part !== null).join(' ');
}

export function joined(kind: string, id: string | undefined): string {
  return id === undefined ? kind : `${kind} ${id}`;
}

/** Much of an entry is whatever a client sent. A cell is cut where the table would fall apart. */
function readable(cell: string): string {
  return cutColumns(printable(cell), 80);
}
