/** What is known of an activation, whether it has ended or not. */
interface Reported {
  readonly state: string;
  /** Of one that runs or waits: why its last attempt failed. */
  readonly error: string | null;
  readonly startedOn: Date | null;
  readonly completedOn: Date | null;
}

/**
 * The newest activation of which an attempt has failed, or which was cancelled, unless another one has completed since: that
 * one has done its work too. The newest first are given; one that was asked for earlier may have ended later.
 */
export function lastFailure<A extends Reported>(activations: readonly A[]): A | undefined {
  const completed = activations.filter(({ state }) => state === 'completed').map((activation) => endOf(activation));
  const lastCompleted = Math.max(...completed);
  return activations.find(
    (activation) =>
      activation.state !== 'completed' &&
      (activation.error !== null || ['failed', 'cancelled'].includes(activation.state)) &&
      endOf(activation) >= lastCompleted,
  );
}

/** Of the last attempt; of one that was not given up, its start, which is not later. */
function endOf({ completedOn, startedOn }: Reported): number {
  return (completedOn ?? startedOn)?.getTime() ?? Number.NEGATIVE_INFINITY;
}
