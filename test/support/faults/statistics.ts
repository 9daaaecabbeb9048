/** The value below which a part `p` (0 to 1) of the values lies, by the nearest rank; NaN of none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

export interface Summary {
  readonly count: number;
  readonly median: number;
  readonly p99: number;
  readonly worst: number;
}

/** Rounded to a tenth. */
export function summarise(values: readonly number[]): Summary {
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    count: values.length,
    median: round(percentile(values, 0.5)),
    p99: round(percentile(values, 0.99)),
    worst: round(percentile(values, 1)),
  };
}
