import type { Protocol } from './protocols.ts';

/**
 * What a process of writers or of readers is told in its argument, as JSON. What it does until SIGUSR2 warms up and is
 * not measured; it works until SIGTERM.
 */
export interface RoleOptions {
  readonly url: string;
  readonly protocol: Protocol;
  readonly connections: number;
}

export interface WriterOptions extends RoleOptions {
  /** Whether some completions are in a transaction that commits late. */
  readonly late: boolean;
}

export interface ReaderOptions extends RoleOptions {
  /** How long each rests after it has read to the horizon, in milliseconds. */
  readonly restMs: number;
}

/** The last line that writers tell. The one before it is `ready`. */
export interface WriterReport {
  /** Entries whose completion was committed, the warm-up included. */
  readonly committed: number;
  /** Entries completed a second, between the two signals. */
  readonly rate: number;
}

export interface ReaderReport {
  /** How far the last entry that was read is, by reader, the warm-up included. */
  readonly readers: readonly { readonly position: string; readonly id: string; readonly seen: number }[];
  /** How long before its reading each entry was stamped, in milliseconds, since the warm-up. */
  readonly lags: readonly number[];
}
