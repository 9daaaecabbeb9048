import { distance } from 'fastest-levenshtein';
import { describe, notPrinted } from '../errors.ts';
import { declarations } from './declarations.ts';
import type { Key } from './settings.ts';

/** The line that tells which key, through which variable, what was expected and what was there instead. */
export function valueProblem(key: Key, raw: unknown, expected: string = declarations[key].rule.expected): string {
  const { environment, secret } = declarations[key];
  return `${key} (${environment}): expected ${expected}, got ${secret && typeof raw === 'string' && raw !== '' ? notPrinted(raw) : got(raw)}`;
}

/** A raw value as a problem line shows it, on one line and without what may be somebody's password. */
export function got(raw: unknown): string {
  if (raw === undefined) return 'nothing';
  if (Array.isArray(raw)) return 'an array';
  if (typeof raw === 'object' && raw !== null) return 'an object';
  // A connection string in the wrong place is a mistake easily made.
  return typeof raw === 'string' && /:\/\/.*@/s.test(raw) ? notPrinted(raw) : describe(raw);
}

/** The name from a file or the environment as a problem line shows it: quoted when it could be misread. */
export function shown(name: string): string {
  return /^[\w.$-]{1,100}$/.test(name) ? name : describe(name);
}

/** The candidate that differs from the name in at most that many letters, case and separators aside. */
export function nearest(name: string, candidates: readonly string[], farthest: number): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, steps: distance(plain(name), plain(candidate)) }))
    .toSorted((a, b) => a.steps - b.steps);
  return ranked.find(({ steps }) => steps <= farthest)?.candidate;
}

function plain(name: string): string {
  return name
    .slice(0, 200)
    .toLowerCase()
    .replace(/(?<=[a-z0-9])[_-](?=[a-z0-9])/g, '');
}
