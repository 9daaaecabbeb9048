/** How late completions commit, where some do. The same for every protocol. */
const LATE = [
  // Later than the longest of the fixed times that some protocols stay behind.
  { oneIn: 300, fromMs: 1200, toMs: 1200 },
  { oneIn: 50, fromMs: 50, toMs: 300 },
] as const;

export const LATENESS = 'One of fifty commits 50 to 300 ms late, and one of three hundred 1.2 s';

/** How many milliseconds to wait between a completion and its commit. Mostly none. */
export function lateness(): number {
  for (const { oneIn, fromMs, toMs } of LATE) {
    if (Math.random() * oneIn < 1) return fromMs + Math.random() * (toMs - fromMs);
  }
  return 0;
}
