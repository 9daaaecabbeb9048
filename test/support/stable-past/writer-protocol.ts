/** What a writer process is told in its argument, as JSON. */
export interface WriterOptions {
  readonly url: string;
  /** Under which its connections are known to the server. */
  readonly name: string;
  readonly seed: number;
  readonly connections: number;
  /** Whether half of the completions are in transactions that commit late, or are rolled back. */
  readonly late: boolean;
  /** How long each connection rests between two steps, in milliseconds. */
  readonly restMs: number;
}

/** What it tells on stdout, one JSON object a line. */
export type WriterReport =
  /** The server has acknowledged the commit in which these entries were completed. */
  | { readonly event: 'committed'; readonly ids: readonly string[]; readonly how: string; readonly at: string }
  /** A transaction has completed entries, and will stay open for so long. */
  | { readonly event: 'in-transaction'; readonly forMs: number }
  /** The work of a connection was lost, as it may be: killed, rolled back, or it lost a race. */
  | { readonly event: 'lost'; readonly reason: string }
  /** Something that must not happen. The process will end with 1. */
  | { readonly event: 'unexpected'; readonly reason: string };

/** All writers' names begin with it. */
export const WRITER_NAME = 'stable-past-writer';

/** The shortest stay that is told: long enough to stop the process in the middle of it. */
export const LONG_STAY_MS = 150;
