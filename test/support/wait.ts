import { setTimeout as delay } from 'node:timers/promises';

/**
 * For how long a test waits for what must come. No test proves that anything comes sooner: this only ends a wait for what
 * never comes, on a slow machine with many neighbours too.
 */
export const PATIENCE_MS = 60_000;

/** Asks again and again until `condition` holds; throws after `timeoutMs`, naming `what` was waited for. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}

/**
 * The same for work whose amount is known and whose time is not, as a slow machine takes more: throws only when `progress`
 * has stayed as it was for as long as a test waits for anything.
 */
export async function waitForWork(
  what: string,
  isDone: () => boolean | Promise<boolean>,
  progress: () => unknown,
): Promise<void> {
  for (let before; !(await isDone());) {
    before = JSON.stringify(progress());
    const hasGoneOn = async () => JSON.stringify(progress()) !== before || (await isDone());
    await waitUntil(`${what}; it stays at ${before}`, hasGoneOn);
  }
}
