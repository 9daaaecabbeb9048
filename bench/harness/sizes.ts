/** Those sizes of a log that `--largest` allows; when all are larger, that size itself, so that something is measured. */
export function sizesUpTo(largest: number, sizes: readonly number[]): readonly number[] {
  const allowed = sizes.filter((size) => size <= largest);
  return allowed.length > 0 ? allowed : [largest];
}
