import type { BenchContext } from '../harness/benchmark.ts';
import type { BenchDatabase } from '../harness/server.ts';
import { type Protocol, PROTOCOLS, SEALOG, UP_TO_NOW } from './protocols.ts';

/** How much is run. */
export interface Load {
  readonly protocols: readonly Protocol[];
  readonly writers: readonly number[];
  /** How many write where some commit late, and beside many readers. */
  readonly lateWriters: number;
  readonly rounds: number;
  /** Of one round of one protocol, each. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly readers: number;
  readonly readerRounds: number;
}

export interface Scene {
  readonly database: BenchDatabase;
  readonly load: Load;
  readonly progress: BenchContext['progress'];
}

export const FULL: Load = {
  protocols: PROTOCOLS,
  writers: [1, 8, 16, 32],
  lateWriters: 16,
  rounds: 2,
  seconds: 4,
  warmUpSeconds: 1.5,
  readers: 50,
  readerRounds: 4,
};

export const TINY: Load = {
  protocols: [SEALOG, UP_TO_NOW],
  writers: [2],
  lateWriters: 4,
  rounds: 1,
  seconds: 0.2,
  warmUpSeconds: 0.1,
  readers: 3,
  readerRounds: 1,
};
