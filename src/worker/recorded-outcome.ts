/**
 * What the queue has recorded of an activation, as it may be used. A role that may write pg-boss's tables may have put anything
 * there: fields of another type than the contract gives them are left out, and long texts are cut.
 */
import { canonicalInstant } from '../audit-log/instant.ts';
import { storableText } from '../audit-log/storable-text.ts';
import { MAX_REASON_CHARACTERS } from '../store/timeout-each-stale-entry.ts';

export type RecordedOutcome = Readonly<Record<string, unknown>>;

/** The field as it may be used, or undefined. */
type Field = (value: unknown) => unknown;

const text: Field = (value) => recordedText(value) ?? undefined;
const flag: Field = (value) => (typeof value === 'boolean' ? value : undefined);
const count: Field = (value) => (Number.isSafeInteger(value) && Number(value) >= 0 ? value : undefined);
const limit: Field = (value) => (value === 0 ? undefined : count(value));
const nullOr =
  (field: Field): Field =>
  (value) =>
    value === null ? null : field(value);
const listOf =
  (field: Field): Field =>
  (value) =>
    Array.isArray(value) ? value.map((one) => field(one)).filter((one) => one !== undefined) : undefined;

function instant(value: unknown): unknown {
  try {
    return canonicalInstant('instant', value);
  } catch {
    return undefined;
  }
}

/** Counts by name, the highest first, and equal ones by name. */
function counts(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).filter((entry): entry is [string, number] => count(entry[1]) !== undefined);
  return Object.fromEntries(entries.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}

function skippedEntry(value: unknown): unknown {
  const { id, reason } = (value ?? {}) as { readonly id?: unknown; readonly reason?: unknown };
  const shown = { id: recordedText(id), reason: recordedText(reason) };
  return shown.id === null || shown.reason === null ? undefined : shown;
}

/** In the order of the contract: who and why, what was read, what was done. */
const FIRST: Readonly<Record<string, Field>> = {
  by: text,
  trigger: text,
  cutoff: instant,
  limit,
  timedOut: count,
  limitReached: flag,
  oldestStarted: nullOr(instant),
  byOperation: counts,
  sampleIds: listOf(text),
  skipped: listOf(skippedEntry),
};
const LAST: Readonly<Record<string, Field>> = { durationMs: count };

/**
 * An outcome with its fields in the order of the contract, and those that only one job has before `durationMs`. jsonb
 * forgets the order that it was given: it keeps keys by their length.
 */
export function recordedOutcome(output: unknown): RecordedOutcome {
  if (typeof output !== 'object' || output === null || Array.isArray(output)) return {};
  const own = Object.keys(output).filter((name) => !Object.hasOwn(FIRST, name) && !Object.hasOwn(LAST, name));
  const fields = { ...FIRST, ...Object.fromEntries(own.map((name) => [name, ownField])), ...LAST };
  const recorded = Object.entries(fields).flatMap(([name, field]) => {
    const value = Object.hasOwn(output, name) ? field((output as RecordedOutcome)[name]) : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(recorded);
}

/** Of a field that only one job has: anything that is not long. */
function ownField(value: unknown): unknown {
  try {
    return JSON.stringify(value).length <= MAX_OWN_FIELD ? value : undefined;
  } catch {
    // Too deep for JavaScript.
    return undefined;
  }
}

const MAX_OWN_FIELD = 10_000;

/** Text as it is shown, cut to 500 characters. Null for anything else. */
export function recordedText(value: unknown): string | null {
  return typeof value === 'string' ? storableText(value, MAX_REASON_CHARACTERS) : null;
}

const MAX_COUNT = '9007199254740991';

/** SQL of a count in an outcome, as {@link recordedOutcome} has it: a bigint, or null. */
export function countSql(output: string, name: string): string {
  const number = `(${output}->'${name}')::numeric`;
  return `case when jsonb_typeof(${output}->'${name}') = 'number'
               then case when ${number} between 0 and ${MAX_COUNT} and ${number} = trunc(${number}) then ${number}::bigint end end`;
}

/** SQL of a flag in an outcome: a boolean, or null. */
export function flagSql(output: string, name: string): string {
  return `case jsonb_typeof(${output}->'${name}') when 'boolean' then (${output}->'${name}')::boolean end`;
}

/** SQL of how long a list in an outcome is: an integer, or null. */
export function lengthSql(output: string, name: string): string {
  return `case jsonb_typeof(${output}->'${name}') when 'array' then jsonb_array_length(${output}->'${name}') end`;
}

/** SQL of a text in a JSON object, cut as {@link recordedText} does: null for anything else. */
export function textSql(object: string, name: string): string {
  return `case jsonb_typeof(${object}->'${name}') when 'string' then left(${object}->>'${name}', ${MAX_REASON_CHARACTERS}) end`;
}
