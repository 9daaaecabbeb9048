import type { Readable } from 'node:stream';

/**
 * Keeps the body for whom it is meant. A stream that something reads already, to measure it, continues meanwhile, and a
 * handler that begins to read later would miss what went by.
 */
export async function pausing<T>(body: Readable, wait: () => Promise<T>): Promise<T> {
  if (body.readableFlowing !== true || body.readableEnded) return await wait();
  body.pause();
  try {
    return await wait();
  } finally {
    body.resume();
  }
}
