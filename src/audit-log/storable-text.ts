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
  // A character is at most two code units: what has no more units has no more characters, and twice as many hold enough.
  const kept =
    text.length <= max
      ? text
      : Array.from(text.slice(0, 2 * max))
          .slice(0, max)
          .join('');
  return kept.toWellFormed().replaceAll('\0', '\uFFFD');
}
