/** What a service process of the tests is told, as JSON in its argument. */
export interface ServiceOptions {
  readonly url: string;
  readonly name: string;
  readonly seed: number;
  /** Requests at once. */
  readonly requests: number;
  /** Between two requests of each, at most. */
  readonly restMs: number;
  /** How many of a hundred requests never complete their entry, and how many only after `lateMs`. */
  readonly abandonedPercent: number;
  readonly latePercent: number;
  readonly lateMs: number;
}

/** What it tells, one line of JSON each. `ms` is how long the call took. `t` is its wall clock. */
export type ServiceReport =
  | { readonly event: 'begun'; readonly id: string; readonly ms: number; readonly t: number }
  | {
      readonly event: 'completed';
      readonly id: string;
      readonly status: string;
      readonly amendmentId?: string;
      readonly ms: number;
      readonly t: number;
    }
  | {
      readonly event: 'refused';
      readonly operation: string;
      readonly reason: string;
      readonly ms: number;
      readonly t: number;
    }
  | { readonly event: 'stopped' };
