import { setTimeout as delay } from 'node:timers/promises';
import { createAuditLog } from '../../../src/index.ts';
import { auditLogDatabase } from '../../../src/store/database.ts';
import { openPool } from '../../../src/store/open-pool.ts';
import { waitForWork } from '../wait.ts';
import { askAgain } from './ask-again.ts';
import { type Count, takeCensus } from './census.ts';
import { FinalPast } from './final-past.ts';
import { History, type List, type SeenEntry } from './history.ts';
import type { Tally } from './disturbances.ts';
import { type LoadReport, startLoad } from './load.ts';
import { listUpToNow } from './naive-list.ts';
import { seededRandom } from './random.ts';
import { follow, fromTheStart, newestFirst, ranges, tail } from './readers.ts';
import {
  missingFrom,
  violationsOfCensus,
  violationsOfCommits,
  violationsOfPages,
  violationsOfSequence,
  violationsOfTail,
} from './violations.ts';

export interface RunOptions {
  /** A migrated database with an empty audit log, for this run alone. */
  readonly url: string;
  /** For how long entries are written at least. */
  readonly seconds?: number;
  /** What must have been done, however long a slow machine takes for it. */
  readonly enough?: Partial<Work>;
  readonly seed: number;
  /** How many pages are asked for again, besides all being judged by the final table. */
  readonly askAgain: number;
  /** Another way to list, to see that its faults are found. */
  readonly list?: List;
}

/** How much was done. */
export interface Work extends Tally {
  /** Each of one entry at least. */
  readonly commits: number;
  readonly pages: number;
}

export interface StablePastRun {
  readonly load: Omit<LoadReport, 'committed'>;
  readonly completed: number;
  readonly pages: number;
  /** Everything that must not be. */
  readonly violations: readonly string[];
  /** What a reader up to now made of the same load. */
  readonly naive: { readonly lost: number; readonly percent: number; readonly violations: readonly string[] };
}

/** Writes for some seconds, reads meanwhile in every way, and judges what was read by what the table holds in the end. */
export async function runStablePast({ url, seed, ...options }: RunOptions): Promise<StablePastRun> {
  await using stack = new AsyncDisposableStack();
  const openFor = (applicationName: string, max: number) => {
    const pool = openPool({ connectionString: url, max, applicationName, onError: () => {} });
    stack.defer(() => pool.end());
    return pool;
  };
  const pool = openFor('stable-past-reader', 7);
  const auditLog = createAuditLog({ pool });
  const list: List = options.list ?? ((query) => auditLog.list(query));
  const seen = new Map<string, SeenEntry>();
  const history = (reader: string, by = list) => new History(reader, by, seen);
  const tailing = history('tail');
  const others = ['from the start', 'ranges', 'newest first', 'census'].map((reader) => history(reader));
  const [starting, ranging, newest, counting] = others as [History, History, History, History];
  const naive = history('up to now', listUpToNow(auditLogDatabase(pool, 'sealog')));
  const followed: SeenEntry[] = [];
  const counts: Count[] = [];

  const load = stack.use(
    await startLoad({ url, pool: openFor('stable-past-load', 5), seed, processes: 4, rough: true, restMs: 8 }),
  );
  const quiet = new AbortController();
  const enough = new AbortController();
  const context = (salt: number) => ({ random: seededRandom(seed ^ salt), signal: quiet.signal });
  const reading = Promise.all([
    tail(tailing.list, context(11)),
    fromTheStart(starting.list, context(12)),
    ranges(ranging.list, context(13)),
    newestFirst(newest.list, context(14)),
    takeCensus(counting.list, pool, counts, context(15)),
    tail(naive.list, context(16)),
  ]);
  const following = follow(auditLog, seen, followed, enough.signal);
  const histories = [tailing, ...others];
  const done = (): Work => ({
    ...load.tally,
    commits: load.commits(),
    pages: histories.reduce((sum, each) => sum + each.pages.length, 0),
  });
  // A reader that fails ends the run at once.
  await Promise.race([enoughWork(done, options), reading, following]);

  const { committed, ...report } = await load.stop();
  quiet.abort();
  await reading;
  const past = await FinalPast.read(pool);
  const cameToTheEnd = () => followed.length >= past.entries.length;
  await waitForWork('the follower comes to the end', cameToTheEnd, () => followed.length).catch(() => {});
  enough.abort();
  await following;

  const outcome = { past, committed };
  const pages = histories.flatMap((each) => each.pages);
  const every = Math.max(1, Math.floor(pages.length / options.askAgain));
  const sample = pages.filter((_, index) => index % every === 0);
  const lost = missingFrom(
    naive.pages.flatMap(({ entries }) => entries),
    past.entries,
  ).length;
  return {
    load: report,
    completed: committed.size,
    pages: pages.length,
    violations: [
      ...report.unexpected,
      ...violationsOfCommits(outcome),
      ...histories.flatMap((each) => violationsOfPages(each, outcome)),
      ...violationsOfTail(tailing, outcome),
      ...violationsOfSequence('follower', followed, past.entries.at(-1)?.timeCompleted ?? '', outcome),
      ...violationsOfCensus(counts, outcome),
      ...(await askAgain(list, sample)),
    ],
    naive: {
      lost,
      percent: (100 * lost) / past.entries.length,
      violations: [...violationsOfPages(naive, outcome), ...violationsOfTail(naive, outcome)],
    },
  };
}

async function enoughWork(
  done: () => Work,
  { seconds = 0, enough = {} }: Pick<RunOptions, 'seconds' | 'enough'>,
): Promise<void> {
  await delay(seconds * 1000);
  const names = Object.keys(enough) as (keyof Work)[];
  await waitForWork('the load is enough', () => names.every((name) => done()[name] >= enough[name]!), done);
}
