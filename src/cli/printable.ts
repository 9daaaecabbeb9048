const UNPRINTED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Text of others as it may go to a terminal: control characters could steer it and make one thing look like another,
 * so they are shown as escapes.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTED, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** The same for a message, of which line breaks are of no interest. */
export function oneLine(message: string): string {
  return printable(message.replaceAll(/\s*\n\s*/g, ' '));
}

/** JSON of a value. Escapes all such characters, of which JSON itself lets many through. */
export function printableJson(value: unknown, indent?: number): string {
  return escapeJson(JSON.stringify(value, null, indent));
}

/** JSON text that says the same, with all such characters escaped but line breaks. */
export function escapeJson(json: string): string {
  return json.replaceAll(UNPRINTED, (character) =>
    character === '\n' ? character : character.split('').map(escapeUnit).join(''),
  );
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
