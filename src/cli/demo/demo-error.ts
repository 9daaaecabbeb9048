import { SealogError } from '../../errors.ts';

/** The demo cannot run here, was ended early, or has seen something that contradicts what it tells. */
export class DemoError extends SealogError {
  override readonly name = 'DemoError';
  readonly code = 'SEALOG_DEMO';
}

/** Ends the demo unless `fact` holds: it shows nothing that it has not checked. */
export function confirm(fact: boolean, expected: string, got: unknown): asserts fact {
  if (!fact) throw new DemoError(`the demo does not show what it should: expected ${expected}, got ${String(got)}`);
}
