import type { Protocol } from './protocols.ts';

/** What a process of writers or of readers is told in its argument, as JSON. It works until SIGTERM. */
export interface RoleOptions {
  readonly url: string;
  readonly protocol: Protocol;
  readonly connections: number;
}

export interface WriterOptions extends RoleOptions {
  /** Whether one completion of fifty is in a transaction that commits 50 to 300 ms late. */
  readonly late: boolean;
}

export interface ReaderOptions extends RoleOptions {
  /** How long each rests after it has read to the horizon, in milliseconds. */
  readonly restMs: number;
}

/** The last line that writers tell. The one before it is `ready`. */
export interface WriterReport {
  /** Entries whose completion was committed, and in how many seconds. */
  readonly committed: number;
  readonly seconds: number;
}

export interface ReaderReport {
  /** How far the last entry that was read is, by reader. */
  readonly readers: readonly { readonly position: string; readonly id: string; readonly seen: number }[];
  /** How long before its reading each entry was stamped, in milliseconds. */
  readonly lags: readonly number[];
}
