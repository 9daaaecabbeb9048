import { performance } from 'node:perf_hooks';

/** Quartiles, and the extremes, of some samples. */
export interface Spread {
  readonly n: number;
  readonly min: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly p99: number;
  readonly max: number;
}

export function spread(samples: readonly number[]): Spread {
  if (samples.length === 0) throw new Error('samples: expected at least one, got none');
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
    return low + (high - low) * (place % 1);
  };
  return { n: sorted.length, min: at(0), q1: at(0.25), median: at(0.5), q3: at(0.75), p99: at(0.99), max: at(1) };
}

export function median(samples: readonly number[]): number {
  return spread(samples).median;
}

/** The quotients of two contestants, round by round: what disturbs a round disturbs both. */
export function ratios(samples: readonly number[], base: readonly number[]): readonly number[] {
  return samples.map((sample, round) => sample / base[round]!);
}

/** What a round measures of one contestant. */
export type Measure = (round: number) => Promise<number>;

/**
 * Measures the contestants in turn, A B C, B C A, C A B …, so that none is always first and all see the same weather.
 * Answers each one's samples by round. `warmUp` rounds before them are not counted.
 */
export async function inTurn<Name extends string>(
  contestants: Readonly<Record<Name, Measure>>,
  { rounds, warmUp = 1 }: { readonly rounds: number; readonly warmUp?: number },
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(contestants) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as unknown as Record<Name, number[]>;
  for (let round = -warmUp; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + warmUp + turn) % names.length]!;
      const sample = await contestants[name](round);
      if (round >= 0) samples[name].push(sample);
    }
  }
  return samples;
}

/** How long it takes, in milliseconds. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await action();
  return performance.now() - started;
}
