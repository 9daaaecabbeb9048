/** Numbers that look random and come again with the same seed, so that a failing run can be repeated. */
export interface Random {
  /** From 0 up to 1, exclusive. */
  fraction(): number;
  /** A whole number from 0 up to `bound`, exclusive. */
  below(bound: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

/** Mulberry32: small, and good enough to choose what a writer does next. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(fraction() * bound);
  return {
    fraction,
    below,
    chance: (probability) => fraction() < probability,
    pick: (choices) => choices[below(choices.length)]!,
  };
}

/** The seed of this run: `SEALOG_TEST_SEED`, to repeat an earlier one, or a new one. */
export function chooseSeed(): number {
  return Number(process.env['SEALOG_TEST_SEED'] ?? Date.now() % 1_000_000_000);
}
