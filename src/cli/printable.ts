/**
 * Text of others as it may go to a terminal: control characters could steer it and make one thing look like another,
 * so they are shown as escapes.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/** The same for a message, of which line breaks are of no interest. */
export function oneLine(message: string): string {
  return printable(message.replaceAll(/\s*\n\s*/g, ' '));
}
