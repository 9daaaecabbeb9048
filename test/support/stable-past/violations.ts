import type { Count } from './census.ts';
import type { FinalPast } from './final-past.ts';
import type { History, ReadPage, SeenEntry } from './history.ts';
import type { Commit } from './load.ts';

/** The log as it is in the end, and what the writers say that they did to it. */
export interface Outcome {
  readonly past: FinalPast;
  readonly committed: ReadonlyMap<string, Commit>;
}

/** Every page must be what its query should have answered, then as now, and no horizon of one listing may go back. */
export function violationsOfPages({ reader, pages }: History, outcome: Outcome): string[] {
  const violations: string[] = [];
  let highest = '';
  for (const [index, page] of pages.entries()) {
    const expected = outcome.past.pageOf(page);
    if (!isSame(page.entries, expected)) {
      violations.push(`${reader}, ${tell(page, index)}: ${difference(page.entries, expected, outcome)}`);
    }
    if (page.query.after === undefined) highest = '';
    if (page.horizon < highest) {
      violations.push(`${reader}, ${tell(page, index)}: the horizon went back from ${highest}`);
    }
    if (page.horizon > highest) highest = page.horizon;
  }
  return violations;
}

/** Whenever a tail had come to a horizon, it had read exactly what the table holds up to there, and never more. */
export function violationsOfTail({ reader, pages }: History, outcome: Outcome): string[] {
  const violations: string[] = [];
  let read = 0;
  for (const [index, { entries, query, horizon }] of pages.entries()) {
    read += entries.length;
    const settled = outcome.past.countUpTo(horizon);
    const toTheEnd = entries.length < query.limit!;
    if (read > settled || (toTheEnd && read !== settled)) {
      violations.push(`${reader}, page ${index}: had read ${read} entries up to ${horizon}, and there are ${settled}`);
    }
  }
  const all = pages.flatMap((page) => page.entries);
  return [...violations, ...violationsOfSequence(reader, all, pages.at(-1)?.horizon ?? '', outcome)];
}

/** What was read one after the other is the log up to the horizon: each entry once, in its order. */
export function violationsOfSequence(
  reader: string,
  entries: readonly SeenEntry[],
  horizon: string,
  outcome: Outcome,
): string[] {
  const expected = outcome.past.entries.slice(0, outcome.past.countUpTo(horizon));
  return isSame(entries, expected) ? [] : [`${reader}, all in all: ${difference(entries, expected, outcome)}`];
}

/** Nothing came to lie at or before a horizon after that had been told. */
export function violationsOfCensus(counts: readonly Count[], { past }: Outcome): string[] {
  return counts.flatMap(({ from, horizon, entries, at }) => {
    const now = past.countUpTo(horizon) - past.countBefore(from);
    return now === entries
      ? []
      : [`census at ${at}: from ${from} to horizon ${horizon} ${entries} entries, now ${now}`];
  });
}

/** What the server has acknowledged is in the table. */
export function violationsOfCommits({ past, committed }: Outcome): string[] {
  const present = new Set(past.entries.map(({ id }) => id));
  const missing = [...committed].filter(([id]) => !present.has(id));
  return missing.map(([id, { how, at }]) => `entry ${id}, completed by ${how} at ${at}, is not in the table`);
}

/** Entries that were not read, though they lie where the reader has been. */
export function missingFrom(entries: readonly SeenEntry[], expected: readonly SeenEntry[]): SeenEntry[] {
  const read = new Set(entries.map(({ id }) => id));
  return expected.filter(({ id }) => !read.has(id));
}

function isSame(entries: readonly SeenEntry[], expected: readonly SeenEntry[]): boolean {
  return (
    entries.length === expected.length &&
    entries.every(({ id, timeCompleted, result }, index) => {
      const other = expected[index]!;
      return id === other.id && timeCompleted === other.timeCompleted && result === other.result;
    })
  );
}

function difference(entries: readonly SeenEntry[], expected: readonly SeenEntry[], { committed }: Outcome): string {
  const missing = missingFrom(entries, expected);
  const surplus = missingFrom(expected, entries);
  if (missing.length + surplus.length === 0) return 'the same ids in another order, twice, or with other contents';
  const describe = (some: readonly SeenEntry[]) =>
    some.slice(0, 5).map((entry) => {
      const { how, at } = committed.get(entry.id) ?? { how: 'nobody who lived to tell', at: '?' };
      return `\n    ${entry.id} at ${entry.timeCompleted}, ${entry.result}, committed by ${how} before ${at}`;
    });
  return `lacked ${missing.length}${describe(missing).join('')}\n  had ${surplus.length} too many${describe(surplus).join('')}`;
}

function tell({ query, horizon, at, entries }: ReadPage, index: number): string {
  const { after, ...plain } = query;
  const asked = JSON.stringify({
    ...plain,
    ...(after && { after: Buffer.from(after, 'base64url').toString().slice(8) }),
  });
  return `page ${index} at ${at} (${asked}: ${entries.length} entries, horizon ${horizon})`;
}
