// What is no identifier may be anything, a message for one.
const IDENTIFIER = /^[\w.:-]{1,100}$/;

/**
 * The `code` or else the name of what was thrown: all that is kept of it unasked. Its message may hold secrets, also
 * where it is marked as meant for the client, because parsers quote what they could not read.
 */
export function thrownCode(thrown: unknown): string | undefined {
  const { code, name } = Object(thrown) as Record<string, unknown>;
  return [code, name].find((text): text is string => typeof text === 'string' && IDENTIFIER.test(text));
}
