import { withQueueStatus } from '../worker/queue-status.ts';
import { print, printJson, withApp } from './command.ts';
import { renderLines } from './lines.ts';
import { formatStatus } from './status/format-status.ts';
import { readStatus } from './status/read-status.ts';
import { watchStatus } from './status/watch-status.ts';

export interface StatusOptions {
  readonly json?: boolean;
  /** Seconds; true for as often as it is usual. */
  readonly watch?: number | true;
}

const WATCH_SECONDS = 2;

/** `sealog status`: whether the audit log is whole, who keeps it so, and who ran what. */
export async function statusCommand({ json = false, watch }: StatusOptions): Promise<void> {
  if (watch !== undefined) {
    // Log lines would be written across the screen, and what they tell is on it.
    const logTo = process.stdout.isTTY && process.stderr.isTTY ? 'nowhere' : 'stderr';
    await withApp((app) => watchStatus(app, { seconds: watch === true ? WATCH_SECONDS : watch, json }), logTo);
    return;
  }
  await withApp(async (app) => {
    const status = await withQueueStatus(app.queue, (readQueue) => readStatus(app, readQueue));
    if (json) printJson(status);
    else print(renderLines(formatStatus(status)).join('\n'));
  });
}
