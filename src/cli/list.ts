import { constants } from 'node:os';
import type { Command } from 'commander';
import type { Page } from '../audit-log/listing.ts';
import { waitingForDatabase } from '../events.ts';
import { withApp } from './command.ts';
import { entryFormat } from './list/entry-format.ts';
import { type ListOptions, listingOf } from './list/options.ts';
import { openOutput } from './list/output.ts';
import { pagesUpTo } from './list/pages.ts';
import { progressLine } from './list/progress.ts';
import { shutdownSignal } from './signals.ts';

/** Most entries of a table, unless `--limit` says so: it is for looking, not for exporting. */
const TABLE_LIMIT = 100;

/**
 * `sealog list`: completed entries to stdout, in constant memory, however many there are. Ends when there are no more,
 * at `--limit`, at SIGINT or SIGTERM, or without a word when nobody reads stdout any more. Whichever it is but the
 * last, stderr tells the cursor behind the last entry that was written.
 */
export async function listCommand(options: ListOptions, command: Command): Promise<void> {
  const query = listingOf(options, command);
  const { follow = false, format } = options;
  const limit = options.limit ?? (format === 'table' && !follow ? TABLE_LIMIT : Number.POSITIVE_INFINITY);
  await withApp(async ({ database, logger }) => {
    const stop = shutdownSignal();
    using output = openOutput({ watch: follow });
    const signal = AbortSignal.any([stop, output.readerGone]);
    const formatEntries = entryFormat(options);
    const progress = progressLine();
    let count = 0;
    let last: Page | undefined;
    try {
      const onTrouble: Parameters<typeof pagesUpTo>[3] = (failure) => waitingForDatabase(logger, failure);
      for await (const page of pagesUpTo(limit, database, { ...query, follow, signal }, onTrouble)) {
        await output.write(formatEntries(page.entries));
        last = page;
        count += page.entries.length;
        progress.show(count);
      }
    } catch (error) {
      if (!output.readerGone.aborted && error !== stop.reason) throw error;
      // Following has no other end; an export that was interrupted is not done.
      if (stop.aborted && !follow) process.exitCode = 128 + constants.signals[stop.reason as NodeJS.Signals];
    } finally {
      progress.clear();
      // What a reader that has gone has read is not known.
      if (last && !output.readerGone.aborted) {
        if (format === 'table') tellCount(count, options, last);
        process.stderr.write(`next: ${last.next} horizon: ${last.horizon} settled: ${last.settled}\n`);
      }
    }
  });
}

function tellCount(count: number, { limit, follow, to }: ListOptions, { settled }: Page): void {
  const parts = [`${count} ${count === 1 ? 'entry' : 'entries'}`];
  if (!follow && count === (limit ?? TABLE_LIMIT)) {
    parts.push(limit ? 'there may be more: --after' : 'there may be more: --limit, or --after with the cursor below');
  }
  if (settled) parts.push('the range is settled: it will never hold more');
  else if (to !== undefined) parts.push('the range is not settled: it may still get more');
  process.stderr.write(`${parts.join('; ')}\n`);
}
