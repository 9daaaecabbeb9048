import { appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What happened in a run, in order: a file of JSON lines, to be read when the run has failed. */
export interface History {
  readonly file: string;
  /** Fails the run's reader, not the run: nothing is thrown here. */
  record(event: string, fields?: object): void;
}

export function openHistory(run: string, seed: number): History {
  const file = join(tmpdir(), `sealog-${run}-${seed}-${process.pid}.jsonl`);
  return {
    file,
    record: (event, fields = {}) =>
      appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), event, ...fields })}\n`),
  };
}

/** Runs `action`; when it fails, the error says how to repeat the run and where its history is. */
export async function withHistory<T>(run: string, seed: number, action: (history: History) => Promise<T>): Promise<T> {
  const history = openHistory(run, seed);
  history.record('run', { run, seed });
  try {
    return await action(history);
  } catch (error) {
    history.record('failed', { error: String(error) });
    throw new Error(`${run} failed with seed ${seed} (SEALOG_TEST_SEED repeats it); history: ${history.file}`, {
      cause: error,
    });
  }
}
