import type { RecordedActivation } from '../worker/activation-history.ts';
import type { ActivationProgress } from '../worker/request-activation.ts';
import { cutColumns } from './columns.ts';
import { oneLine } from './printable.ts';

/** Tells on stderr how far an activation has come that somebody waits for. */
export interface ProgressLine extends Disposable {
  show(progress: ActivationProgress): void;
  done(activation: RecordedActivation): void;
}

const ERASE_LINE = '\r\u001b[K';

/** One line for each change, in place on a terminal. */
export function activationProgress(job: string, { stderr }: Pick<NodeJS.Process, 'stderr'> = process): ProgressLine {
  let pending = false;
  const write = (text: string, isLast: boolean) => {
    const line = oneLine(`${job}: ${text}`);
    pending = stderr.isTTY && !isLast;
    // Only one row can be erased again. What stays may take more of them.
    const shown = pending ? cutColumns(line, stderr.columns || Number.POSITIVE_INFINITY) : `${line}\n`;
    stderr.write(stderr.isTTY ? `${ERASE_LINE}${shown}` : shown);
  };
  return {
    show: (progress) => write(describe(progress), false),
    done: (activation) => write(describeEnd(activation), true),
    // What is told next, an error, begins on a line of its own.
    [Symbol.dispose]: () => void (pending && stderr.write('\n')),
  };
}

function describe(progress: ActivationProgress): string {
  switch (progress.state) {
    case 'queued':
      return 'queued, waiting for a worker';
    case 'retrying':
      return `failed (${progress.error ?? 'its replica was lost'}), will be tried again: retry ${progress.retries}`;
    case 'running':
      return `running on ${progress.by ?? 'a worker'} since ${progress.since?.toISOString()}`;
  }
}

function describeEnd({ state, outcome, error }: RecordedActivation): string {
  if (outcome) return `completed by ${String(outcome['by'])} in ${String(outcome['durationMs'])} ms`;
  return `${state}${error === null ? '' : `: ${error}`}`;
}
