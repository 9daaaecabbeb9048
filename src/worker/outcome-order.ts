/** The order that the contract gives the fields of an outcome: who and why, what was looked at, what was done. */
const FIRST = [
  'by',
  'trigger',
  'cutoff',
  'limit',
  'timedOut',
  'limitReached',
  'oldestStarted',
  'byOperation',
  'sampleIds',
  'skipped',
];
const LAST = 'durationMs';

type Fields = Readonly<Record<string, unknown>>;

/**
 * An outcome with its fields in the order of the contract, and those that only one job has before `durationMs`. jsonb
 * forgets the order that it was given: it keeps keys by their length.
 */
export function inOrderOfContract(outcome: Fields): Fields {
  const own = Object.keys(outcome).filter((name) => !FIRST.includes(name) && name !== LAST);
  const names = [...FIRST, ...own, LAST].filter((name) => Object.hasOwn(outcome, name));
  return Object.fromEntries(
    names.map((name) => [name, name === 'byOperation' ? mostFirst(outcome[name]) : outcome[name]]),
  );
}

/** Counts by name, the highest first, and equal ones by name. */
function mostFirst(counts: unknown): unknown {
  if (typeof counts !== 'object' || counts === null) return counts;
  const entries = Object.entries(counts as Readonly<Record<string, number>>);
  return Object.fromEntries(entries.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}
