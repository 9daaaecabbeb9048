import type { ExactEntry } from '../../store/select-entries.ts';

/** An entry as JSON on one line, with `details` as the database prints it: no number is rounded, no key moves. */
export function exactJson(entry: ExactEntry): string {
  const members = Object.entries(entry).map(
    ([key, value]) => `"${key}":${key === 'details' && value !== null ? value : JSON.stringify(value)}`,
  );
  return `{${members.join(',')}}`;
}
