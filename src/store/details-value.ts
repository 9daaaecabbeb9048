/** A string, which may hold digits too, or a number of sixteen characters and more. */
const STRING_OR_LONG_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.]{15,}/g;

/**
 * The value of `details`, from the text that PostgreSQL prints. A number that JavaScript would round is given as text, with
 * all its digits: an integer beyond the safe ones, or a fraction that a double does not keep.
 */
export function detailsValue(json: string): unknown {
  // Fifteen digits are never rounded, and jsonb prints no exponents.
  if (!/\d[\d.]{15}/.test(json)) return JSON.parse(json);
  return JSON.parse(
    json.replaceAll(STRING_OR_LONG_NUMBER, (token) => (token.startsWith('"') || isKept(token) ? token : `"${token}"`)),
  );
}

function isKept(number: string): boolean {
  const value = Number(number);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false;
  return decimal(String(value)) === decimal(number);
}

/** One text for each number: its significant digits, and where its point is. */
function decimal(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const point = digits.length - fraction.length + Number(exponent);
  return digits === '' ? '0' : `${sign}${digits.replace(/0+$/, '')}e${point}`;
}
