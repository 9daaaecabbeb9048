/**
 * SQL of an instant in whole milliseconds since 1970, for {@link dateOf}. A client reads a date only under the date style
 * ISO and without an error under none, so what is read here is a number.
 */
export function milliseconds(instant: string): string {
  return `floor(extract(epoch from ${instant}) * 1000)`;
}

/** What {@link milliseconds} answered: text, or a number in JSON. Null for what no `Date` can be, infinity too. */
export function dateOf(answered: string | number | null): Date | null {
  if (answered === null) return null;
  const date = new Date(Number(answered));
  return Number.isNaN(date.getTime()) ? null : date;
}
