// What is no identifier may be anything, a message for one.
const IDENTIFIER = /^[\w.:-]{1,100}$/;

/**
 * The `code` or else the name of what was thrown: all that is kept of it unasked. Its message may hold secrets, also
 * where it is marked as meant for the client, because parsers quote what they could not read.
 */
export function thrownCode(thrown: unknown): string | undefined {
  return ['code', 'name'].map((key) => read(thrown, key)).find(isIdentifier);
}

/** A getter of what was thrown may throw as well. */
function read(thrown: unknown, key: string): unknown {
  try {
    return (Object(thrown) as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function isIdentifier(text: unknown): text is string {
  return typeof text === 'string' && IDENTIFIER.test(text);
}
