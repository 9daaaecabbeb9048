import { constants } from 'node:os';
import type { Command } from 'commander';
import { waitingForDatabase } from '../events.ts';
import { withApp } from './command.ts';
import { entryFormat } from './list/entry-format.ts';
import { type ListOptions, listingOf } from './list/options.ts';
import { openOutput, type Output } from './list/output.ts';
import { type ExactPage, pagesUpTo } from './list/pages.ts';
import { progressLine } from './list/progress.ts';
import { openState, type StateFile } from './list/state-file.ts';
import { shutdownSignal } from './signals.ts';

/** Most entries of a table, unless `--limit` says so: it is for people, not for exports. */
const TABLE_LIMIT = 100;

/**
 * `sealog list`: completed entries to stdout, in constant memory, however many there are. Ends when there are no more,
 * at `--limit`, at SIGINT or SIGTERM, or without a word when nobody reads stdout any more. In the other cases stderr has
 * the cursor behind the last entry that was written, or after a table how many there were.
 */
export async function listCommand(options: ListOptions, command: Command): Promise<void> {
  const { follow = false, format } = options;
  const { query, state } = openListing(options, command);
  const limit = options.limit ?? (format === 'table' && !follow ? TABLE_LIMIT : Number.POSITIVE_INFINITY);
  await withApp(async ({ database, logger }) => {
    const stop = shutdownSignal();
    using output = openOutput({ watch: follow });
    const signal = AbortSignal.any([stop, output.readerGone]);
    const formatEntries = entryFormat(options);
    const position = state && positionKeeper(state, output);
    const progress = progressLine();
    let count = 0;
    let last: ExactPage | undefined;
    try {
      if (position) await output.beginLine();
      const onTrouble: Parameters<typeof pagesUpTo>[3] = (failure) => waitingForDatabase(logger, failure);
      for await (const page of pagesUpTo(limit, database, { ...query, follow, signal }, onTrouble)) {
        await output.write(formatEntries(page.entries));
        last = page;
        count += page.entries.length;
        progress.show(count);
        await position?.reached(page);
      }
    } catch (error) {
      if (!output.readerGone.aborted && error !== stop.reason) throw error;
      // Following has no other end; an export that was interrupted is not done.
      if (stop.aborted && !follow) process.exitCode = 128 + constants.signals[stop.reason as NodeJS.Signals];
    } finally {
      progress.clear();
      // What a reader that has gone has read is not known.
      if (last && !output.readerGone.aborted) {
        if (format === 'table') process.stderr.write(`${summaryOf(count, options, last)}\n`);
        else process.stderr.write(`next: ${last.next} horizon: ${last.horizon} settled: ${last.settled}\n`);
        await position?.ended(last);
      }
    }
  });
}

/** What is listed, from which position. What is wrong with it ends the command as bad usage. */
function openListing(options: ListOptions, command: Command) {
  const query = listingOf(options, command);
  if (options.state === undefined) return { query, state: undefined };
  let state: StateFile;
  try {
    state = openState(options.state);
  } catch (error) {
    command.error(`error: option '--state <file>': ${options.state}: ${(error as Error).message}`);
  }
  const { cursor } = state;
  return { query: cursor === undefined ? query : listingOf({ ...options, after: cursor }, command), state };
}

/** A page without entries is no reason to write to a disk more often. */
const SAVE_MS = 5000;

/** Keeps in a file how far the output has come: never further than what is on disk of it. */
function positionKeeper(state: StateFile, output: Output) {
  let savedAt = 0;
  const ended = async ({ next }: ExactPage): Promise<void> => {
    await output.sync();
    await state.save(next);
    savedAt = performance.now();
  };
  return {
    ended,
    async reached(page: ExactPage): Promise<void> {
      if (page.entries.length > 0 || performance.now() - savedAt >= SAVE_MS) await ended(page);
    },
  };
}

function summaryOf(count: number, { follow, to, limit }: ListOptions, { settled, more }: ExactPage): string {
  const parts = [`${count} ${count === 1 ? 'entry' : 'entries'}`];
  if (more && !follow) parts.push(`there may be more: ${limit === undefined ? '--limit' : 'a higher --limit'}`);
  if (settled) parts.push('the range is settled: it will never hold more');
  else if (to !== undefined) parts.push('the range is not settled: it may still get more');
  return parts.join('; ');
}
