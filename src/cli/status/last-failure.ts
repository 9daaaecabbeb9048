/** What is known of an activation, whether it has ended or not. */
interface Told {
  readonly state: string;
  /** Of one that runs or waits: why its last attempt failed. */
  readonly error: string | null;
}

/** The latest activation of which an attempt has ended, if that failed or it was cancelled. Newest first are told. */
export function lastFailure<A extends Told>(activations: readonly A[]): A | undefined {
  const last = activations.find(
    ({ state, error }) => error !== null || !['created', 'active', 'retry'].includes(state),
  );
  return last?.state === 'completed' ? undefined : last;
}
