import { configure } from 'safe-stable-stringify';

// Deep nesting would exhaust the stack of PostgreSQL's parser. Keys keep their order: jsonb has its own.
const stringify = configure({ bigint: true, deterministic: false, maximumDepth: 64, circularValue: '[Circular]' });

/** JSON of any value, of whatever size: what has no JSON, or throws where it is read, is text that says so. */
export function plainJson(value: unknown): string {
  try {
    const json = stringify(value, exactNumber);
    if (json !== undefined) return json;
  } catch {
    // A getter or toJSON of the value threw.
  }
  return '"[not representable as JSON]"';
}

// As text: numbers that jsonb prints with all their digits, three hundred for the five of 1e300, and those that a reader
// in JavaScript would round.
function exactNumber(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === 'number' && String(value).includes('e') ? String(value) : value;
}
