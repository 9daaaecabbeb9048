import { describe } from '../errors.ts';

/** The most characters (code points) that are kept of each text. */
export const MAX_CHARACTERS = { identifier: 512, requestUri: 512, userAgent: 256, errorMessage: 4096 } as const;

/**
 * Text that PostgreSQL can store, of at most `max` characters: NUL and lone surrogates become U+FFFD, and what is too
 * long is cut between two characters. Callers without types may pass anything.
 */
export function storableText(value: unknown, max: number = MAX_CHARACTERS.identifier): string | null {
  if (value === undefined || value === null) return null;
  const text = typeof value === 'string' ? value : describe(value);
  // A character is at most two code units, so twice the limit always holds enough of them.
  const characters = Array.from(text.slice(0, 2 * max));
  return characters.slice(0, max).join('').toWellFormed().replaceAll('\0', '\uFFFD');
}
