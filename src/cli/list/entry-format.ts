import type { ExactEntry } from '../../store/select-entries.ts';
import { escapeJson } from '../printable.ts';
import { csvFormat } from './csv-format.ts';
import { exactJson } from './exact-json.ts';
import type { ListOptions } from './options.ts';
import { tableFormat } from './table-format.ts';

/** Writes entries as text, page by page, each line ended. A header comes with the first page, even an empty one. */
export type EntryFormat = (entries: readonly ExactEntry[]) => string;

/** Text of clients is escaped for a terminal, and nowhere else: a file has what the log has. */
export function entryFormat({ format, escapeFormulas = false, excel = false }: ListOptions): EntryFormat {
  switch (format) {
    case 'table':
      return tableFormat();
    case 'jsonl':
      return (entries) => {
        const lines = entries.map((entry) => `${exactJson(entry)}\n`).join('');
        return process.stdout.isTTY ? escapeJson(lines) : lines;
      };
    case 'csv':
      return csvFormat({ escapeFormulas: escapeFormulas || excel, excel });
  }
}
