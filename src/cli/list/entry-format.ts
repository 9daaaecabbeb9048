import type { Entry } from '../../audit-log/listing.ts';
import { printableJson } from '../printable.ts';
import { csvFormat } from './csv-format.ts';
import type { ListOptions } from './options.ts';
import { tableFormat } from './table-format.ts';

/** Writes entries as text, page by page, each line ended. A header comes with the first page, even an empty one. */
export type EntryFormat = (entries: readonly Entry[]) => string;

export function entryFormat({ format, escapeFormulas = false }: ListOptions): EntryFormat {
  switch (format) {
    case 'table':
      return tableFormat();
    case 'jsonl':
      return (entries) => entries.map((entry) => `${printableJson(entry)}\n`).join('');
    case 'csv':
      return csvFormat({ escapeFormulas });
  }
}
