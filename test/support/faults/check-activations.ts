import type { Pool } from 'pg';
import { activationRows, type ActivationsOptions } from './activations.ts';
import type { Replica } from './fleet.ts';
import { logLines } from './log-lines.ts';

/**
 * Each activation's effect exactly once, from the tables: what the completed jobs say is what the entries show, in
 * total and transaction by transaction. Returns what is wrong.
 */
export async function checkEffects(pool: Pick<Pool, 'query'>, options: ActivationsOptions): Promise<string[]> {
  const problems: string[] = [];
  const completed = (await activationRows(pool, options)).filter(({ state }) => state === 'completed');
  // A batch is written by one transaction, and each row keeps the id of the one that wrote it.
  const { rows: batches } = await pool.query<{ entries: number }>(
    `select count(*)::integer as entries from sealog.audit_log where result_kind = 'timeout' group by xmin::text`,
  );
  const told = completed.map(({ timedOut }) => timedOut).filter((entries) => entries > 0);
  const shown = batches.map(({ entries }) => entries);
  if (sum(told) !== sum(shown)) problems.push(`activations tell ${sum(told)} timeouts, the table shows ${sum(shown)}`);
  const anyOneByOne = completed.some(({ skipped }) => skipped.length > 0);
  if (!anyOneByOne && sorted(told).join() !== sorted(shown).join()) {
    problems.push(`activations tell batches of ${sorted(told).join()}, the table shows ${sorted(shown).join()}`);
  }
  return problems;
}

/** No two activations that took effect were open at once. Needs `track_commit_timestamp`. */
export async function checkOneAtATime(pool: Pick<Pool, 'query'>, options: ActivationsOptions): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; began: number; committed: number }>(
    `select id, (extract(epoch from (output->>'cutoff')::timestamptz) * 1000)::float8 + $1 * 1000 as began,
            (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000)::float8 as committed
       from pgboss.job where name = 'audit-timeout' and state = 'completed' order by began`,
    [options.timeoutSeconds],
  );
  return rows.flatMap(({ id, began }, index) => {
    const before = rows[index - 1];
    if (!before || before.committed <= began) return [];
    return [`activation ${id} began ${Math.round(before.committed - began)} ms before ${before.id} had committed`];
  });
}

/** Each log line of an activation that committed is of one completed job, and no two lines are of the same. */
export async function checkLogLines(pool: Pick<Pool, 'query'>, replicas: readonly Replica[]): Promise<string[]> {
  const { rows } = await pool.query<{ key: string }>(
    `select concat_ws(' ', output->>'by', output->>'cutoff', output->>'timedOut') as key
       from pgboss.job where name = 'audit-timeout' and state = 'completed'`,
  );
  const jobs = new Set(rows.map(({ key }) => key));
  const lines = replicas
    .flatMap(({ process: child }) => logLines(child))
    .filter(({ event, err }) => event === 'audit-timeout.activation' && err === undefined)
    .map(({ by, cutoff, timedOut }) => `${String(by)} ${String(cutoff)} ${String(timedOut)}`);
  const seen = new Set<string>();
  return lines.flatMap((line) => {
    const problem = seen.has(line) ? 'is logged twice' : jobs.has(line) ? undefined : 'is no completed job';
    seen.add(line);
    return problem ? [`activation ${line} ${problem}`] : [];
  });
}

export interface SlotOptions extends ActivationsOptions {
  /** Slots from the first minute after it to the last before `to` are looked at; milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** How long after a slot its activation may begin. */
  readonly withinMs?: number;
  /** When the database could not be reached by anyone: its slots may be missed. */
  readonly outages?: readonly { readonly from: number; readonly to: number }[];
}

export interface Slots {
  readonly problems: readonly string[];
  readonly slots: number;
  /** From each slot to the beginning of the activation that serves it, in milliseconds. */
  readonly delaysMs: readonly number[];
}

/** For the schedule of every minute: each slot has one scheduled activation at most, and was served in time. */
export async function checkSlots(pool: Pick<Pool, 'query'>, options: SlotOptions): Promise<Slots> {
  const { from, to, withinMs = 60_000, outages = [] } = options;
  const activations = await activationRows(pool, options);
  const problems: string[] = [];
  const delaysMs: number[] = [];
  let slots = 0;
  for (let slot = Math.ceil(from / 60_000) * 60_000; slot + withinMs <= to; slot += 60_000) {
    slots++;
    const name = new Date(slot).toISOString();
    const queued = activations.filter(({ trigger, createdAt }) => {
      return trigger === 'schedule' && createdAt >= slot && createdAt < slot + 60_000;
    });
    if (queued.length > 1) problems.push(`slot ${name} has ${queued.length} scheduled activations`);
    const served = activations.find(({ beganAt }) => beganAt !== null && beganAt >= slot && beganAt < slot + withinMs);
    if (served) delaysMs.push(served.beganAt! - slot);
    else if (!outages.some((outage) => slot + withinMs > outage.from && slot < outage.to)) {
      problems.push(`slot ${name} was missed`);
    }
  }
  return { problems, slots, delaysMs };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}
