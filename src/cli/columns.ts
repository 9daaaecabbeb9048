import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';

// A terminal has columns: an ideograph takes two of them, an accent none, and JavaScript counts neither as that.
const characters = new Intl.Segmenter();

/** How many columns a text takes on a terminal. Its colours take none. */
export function columnsOf(text: string): number {
  return stringWidth(text);
}

export function padColumns(text: string, columns: number): string {
  return `${text}${' '.repeat(Math.max(0, columns - columnsOf(text)))}`;
}

/** The text, and where it is wider, its beginning and an ellipsis. */
export function cutColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let beginning = '';
  let taken = 1;
  for (const { segment } of characters.segment(text)) {
    taken += columnsOf(segment);
    if (taken > columns) break;
    beginning += segment;
  }
  return `${beginning}…`;
}

/** Where a terminal that is so wide ends with a line that it breaks itself, wherever a character has no room. */
export function endOf(line: string, columns: number): { readonly rows: number; readonly column: number } {
  const taken = columnsOf(line);
  if (taken <= columns) return { rows: 1, column: taken };
  const end = { rows: 1, column: 0 };
  for (const { segment } of characters.segment(stripVTControlCharacters(line))) {
    const more = columnsOf(segment);
    if (end.column + more > columns) {
      end.rows++;
      end.column = 0;
    }
    end.column += more;
  }
  return end;
}
