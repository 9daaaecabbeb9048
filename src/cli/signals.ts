import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

let shutdown: AbortController | undefined;

/**
 * Ends the process at SIGTERM and SIGINT, with 128 and the signal's number: what was not committed is undone by the
 * database. To be called before anything is loaded, because process 1 of a container ignores a signal that it does not
 * handle, for as long as that takes and in commands that would not handle it at all.
 */
export function endOnSignals(): void {
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

/**
 * Aborts on the first SIGTERM or SIGINT, with the signal's name as the reason: from now on the command ends by itself.
 * A second signal ends the process at once.
 */
export function shutdownSignal(): AbortSignal {
  shutdown ??= new AbortController();
  return shutdown.signal;
}

function onSignal(signal: (typeof SIGNALS)[number]): void {
  if (!shutdown || shutdown.signal.aborted) process.exit(128 + constants.signals[signal]);
  shutdown.abort(signal);
}

export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
