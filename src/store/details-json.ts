import { plainJson } from '../plain-json.ts';

/** The most bytes of `details`, as PostgreSQL prints it (`audit_log_details_size`). */
const MAX_BYTES = 16384;
const BEGINNING_CHARACTERS = 1024;

/** JSON that `jsonb` takes, or null for nothing. Whatever the value is, this neither throws nor exceeds 16 KiB. */
export function storableDetails(details: unknown): string | null {
  if (details === undefined || details === null) return null;
  const json = plainJson(details);
  const bytes = Buffer.byteLength(json);
  // What is too large by far is not looked at any closer: that would take as long as the client likes.
  if (bytes <= 2 * MAX_BYTES) {
    const storable = replaceUnstorable(json);
    if (Buffer.byteLength(storable) + blanksPrinted(storable) <= MAX_BYTES) return storable;
  }
  return JSON.stringify({ cut: { bytes, limit: MAX_BYTES, beginning: beginningOf(json) } });
}

// Both stand in JSON only as escapes: NUL always does, and a surrogate when it is alone.
function replaceUnstorable(json: string): string {
  return json.replaceAll(/\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escape) =>
    /^\\u(?:0000|d[89a-f])/.test(escape) ? '\uFFFD' : escape,
  );
}

// jsonb prints a blank behind each colon and comma outside of strings.
function blanksPrinted(json: string): number {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').match(/[,:]/g)?.length ?? 0;
}

function beginningOf(json: string): string {
  const beginning = replaceUnstorable(json.slice(0, 2 * BEGINNING_CHARACTERS));
  return Array.from(beginning).slice(0, BEGINNING_CHARACTERS).join('').toWellFormed();
}
