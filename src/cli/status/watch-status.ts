import { setTimeout as delay } from 'node:timers/promises';
import type { App } from '../../app.ts';
import { reasonOf } from '../../store/when-ready.ts';
import { type QueueStatus, type QueueStatusQuery, withQueueStatus } from '../../worker/queue-status.ts';
import { type Line, renderLines } from '../lines.ts';
import { openOutput } from '../list/output.ts';
import { oneLine, printableJson } from '../printable.ts';
import { shutdownSignal } from '../signals.ts';
import { formatSeconds } from '../table.ts';
import { formatStatus } from './format-status.ts';
import { readStatus, type Status } from './read-status.ts';
import { openScreen } from './screen.ts';

/** A read that hangs, on a database that is frozen, does not keep the command from ending. */
const END_WITHIN_MS = 2000;

export interface WatchOptions {
  readonly seconds: number;
  /** One line of JSON each time, instead of text. */
  readonly json: boolean;
}

type Shown = { readonly status: Status } | { readonly error: unknown; readonly last: Status | undefined };
type ReadQueue = (query: QueueStatusQuery) => Promise<QueueStatus>;

/**
 * Shows the status every so many seconds, until SIGINT or SIGTERM, or until nobody reads it any more: in place on a
 * terminal, else one behind the other. Whatever keeps it from being read is shown too, and then it is tried again.
 */
export async function watchStatus(app: App, { seconds, json }: WatchOptions): Promise<void> {
  const stop = shutdownSignal();
  const { stdout } = process;
  using output = openOutput({ watch: !stdout.isTTY });
  const signal = AbortSignal.any([stop, output.readerGone]);
  signal.addEventListener('abort', () => setTimeout(() => process.exit(), END_WITHIN_MS).unref());
  using screen = stdout.isTTY && !json ? openScreen(stdout) : undefined;
  let last: Status | undefined;

  const show = async (shown: Shown) => {
    if (signal.aborted) return;
    if (screen) screen.show(linesOf(shown));
    else if (json) await output.write(`${printableJson(jsonOf(shown))}\n`);
    else await output.write(`${renderLines('error' in shown ? [headline(shown)] : linesOf(shown)).join('\n')}\n\n`);
  };
  const wait = () => delay(seconds * 1000, undefined, { signal }).catch(() => {});
  const showAgainAndAgain = async (readQueue: ReadQueue) => {
    for (; !signal.aborted; await wait()) {
      const shown = await readStatus(app, readQueue).then(
        (status) => ({ status }),
        (error: unknown) => ({ error, last }),
      );
      if ('status' in shown) last = shown.status;
      await show(shown);
    }
  };

  while (!signal.aborted) {
    // Once it is open, the client stays, whatever becomes of the database.
    await withQueueStatus(app.queue, showAgainAndAgain).catch(async (error: unknown) => {
      if (signal.aborted) return;
      await show({ error, last });
      await wait();
    });
  }
}

function linesOf(shown: Shown): Line[] {
  if ('status' in shown) return formatStatus(shown.status);
  const { last } = shown;
  if (!last) return [headline(shown)];
  const age = formatSeconds((Date.now() - last.readOn.getTime()) / 1000);
  return [headline(shown), { text: '' }, { text: `what was read ${age} ago:`, format: 'dim' }, ...formatStatus(last)];
}

function headline({ error }: { readonly error: unknown }): Line {
  const text = `audit log: unknown, it cannot be read: ${oneLine(reasonOf(error))}`;
  return { text, format: ['bold', 'red'], hang: 'audit log: '.length };
}

function jsonOf(shown: Shown): object {
  return 'status' in shown ? shown.status : { error: reasonOf(shown.error) };
}
