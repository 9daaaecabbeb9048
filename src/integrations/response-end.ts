import type { ServerResponse } from 'node:http';

/** `complete`: the service had said all it had to say. `broken`: the connection ended in the middle of the answer. */
export type ResponseEnd = 'complete' | 'broken';

/**
 * Settles once, however the response ends:
 * - sent: `complete`.
 * - The client went away: `complete` if the service had ended its answer, `broken` if it was in the middle of one. If
 *   it had not begun, the handler is still at work, and what it does is what counts: settles when it ends its answer.
 *
 * Never settles for a handler that gives up without an answer, because nobody knows what it has done.
 */
export function responseEnd(response: ServerResponse): Promise<ResponseEnd> {
  const { promise, resolve } = Promise.withResolvers<ResponseEnd>();
  const closed = (): void => {
    if (response.writableEnded) resolve('complete');
    else if (response.headersSent) resolve('broken');
    else awaitAnswer(response, () => resolve('complete'));
  };
  if (response.closed) closed();
  else response.once('finish', () => resolve('complete')).once('close', closed);
  return promise;
}

/** Once its connection is gone a response emits nothing any more, so this listens to the call itself. */
function awaitAnswer(response: ServerResponse, answered: () => void): void {
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.end = (...args: unknown[]) => {
    answered();
    return end(...args);
  };
}
