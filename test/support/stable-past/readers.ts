import { setTimeout as delay } from 'node:timers/promises';
import type { AuditLog } from '../../../src/index.ts';
import { type List, type SeenEntry, seenEntry } from './history.ts';
import type { Random } from './random.ts';

/** `signal` tells a reader that nothing is written any more: it reads once more to the end and returns. */
export interface ReaderContext {
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Long enough to leave the processor to the writers, short enough to come between their stamps and their commits. */
const REST_MS = 4;

/** Goes through the log once, in small pages, and then for ever on from its end with `next`. */
export async function tail(list: List, { random, signal }: ReaderContext): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const last = signal.aborted;
    const limit = 1 + random.below(200);
    const page = await list({ after, limit });
    after = page.next;
    if (page.more) continue;
    if (last) return;
    await delay(REST_MS);
  }
}

/** Goes through the log from its start to its end, again and again. */
export async function fromTheStart(list: List, { random, signal }: ReaderContext): Promise<void> {
  for (let last = false; !last;) {
    last = signal.aborted;
    const limit = 20 + random.below(150);
    let page = await list({ limit });
    while (page.more) {
      await delay(REST_MS);
      page = await list({ after: page.next, limit });
    }
    await delay(REST_MS);
  }
}

/** Asks for ranges of the recent past, of which some reach into the future, in both orders. */
export async function ranges(list: List, { random, signal }: ReaderContext): Promise<void> {
  while (!signal.aborted) {
    const from = Date.now() - random.below(8000);
    const query = {
      order: random.pick(['ascending', 'descending'] as const),
      ...(random.chance(0.9) && { from: new Date(from).toISOString() }),
      ...(random.chance(0.8) && { to: new Date(from + random.below(6000)).toISOString() }),
    };
    const limit = 10 + random.below(100);
    let page = await list({ ...query, limit });
    for (let more = random.below(4); more > 0; more--) {
      await delay(random.below(30));
      page = await list({ after: page.next, limit });
    }
    await delay(REST_MS);
  }
}

/** The newest entries first, a few pages deep, while newer ones arrive. */
export async function newestFirst(list: List, { random, signal }: ReaderContext): Promise<void> {
  while (!signal.aborted) {
    const limit = 5 + random.below(40);
    let page = await list({ order: 'descending', limit });
    for (let more = random.below(8); more > 0; more--) {
      await delay(random.below(30));
      page = await list({ order: 'descending', after: page.next, limit });
    }
    await delay(REST_MS);
  }
}

/** Follows the log with `entries` until `signal`, and keeps what it was given in `followed`. */
export async function follow(
  auditLog: AuditLog,
  seen: Map<string, SeenEntry>,
  followed: SeenEntry[],
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const entry of auditLog.entries({ follow: true, signal, pageSize: 50 })) {
      followed.push(seenEntry(seen, entry));
    }
  } catch (error) {
    // How an iteration that never ends is ended.
    if (!signal.aborted) throw error;
  }
}
