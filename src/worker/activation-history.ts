import type { PgBoss } from 'pg-boss';
import { dateOf, milliseconds } from './instants.ts';
import { recordedOutcome, type RecordedOutcome, recordedText } from './recorded-outcome.ts';

/** One activation as pg-boss's job table has it: the outcome that it stored, and what pg-boss knows beside. */
export interface RecordedActivation {
  readonly id: string;
  /** `created`, `retry`, `active`, `completed`, `cancelled` or `failed`. */
  readonly state: string;
  /** How often the activation was tried again after its replica was lost or it failed. */
  readonly retries: number;
  readonly createdOn: Date | null;
  readonly startedOn: Date | null;
  readonly completedOn: Date | null;
  /** Of one that runs or waits: why its last attempt failed. At most 500 characters. */
  readonly error: string | null;
  /** The replica whose attempt was the last to end. Null when none has, or when that replica was lost. */
  readonly by: string | null;
  readonly trigger: string | null;
  /** Null until it has completed. Its fields are in the order of the contract. */
  readonly outcome: RecordedOutcome | null;
}

interface Wanted {
  readonly job: string;
  /** Of pg-boss. */
  readonly schema: string;
}

/** The latest activations of a job, newest first. Served by pg-boss's index on name and time. */
export async function lastActivations(
  boss: PgBoss,
  { job, schema, limit, state }: Wanted & { readonly limit: number; readonly state?: string },
): Promise<RecordedActivation[]> {
  const newest = 'order by created_on desc, id desc limit $2';
  if (state === undefined) return await readActivations(boss, schema, `name = $1 ${newest}`, [job, limit]);
  return await readActivations(boss, schema, `name = $1 and state::text = $3 ${newest}`, [job, limit, state]);
}

/** One activation of a job. Undefined when pg-boss has it no more. */
export async function findActivation(
  boss: PgBoss,
  { job, schema, id }: Wanted & { readonly id: string },
): Promise<RecordedActivation | undefined> {
  const [found] = await readActivations(boss, schema, 'name = $1 and id = $2', [job, id]);
  return found;
}

interface JobRow {
  readonly id: string;
  readonly state: string;
  readonly retries: number;
  readonly created: string | null;
  readonly started: string | null;
  readonly completed: string | null;
  readonly data: unknown;
  readonly output: unknown;
}

async function readActivations(
  boss: PgBoss,
  schema: string,
  which: string,
  values: unknown[],
): Promise<RecordedActivation[]> {
  const { rows } = await boss.getDb().executeSql(
    `select id, state, retry_count as retries, ${milliseconds('created_on')} as created,
            ${milliseconds('started_on')} as started, ${milliseconds('completed_on')} as completed, data, output
       from ${schema}.job where ${which}`,
    values,
  );
  return (rows as JobRow[]).map(recordedActivation);
}

function recordedActivation({ id, state, retries, data, output, ...on }: JobRow): RecordedActivation {
  const succeeded = state === 'completed';
  return {
    id,
    state,
    retries,
    createdOn: dateOf(on.created),
    startedOn: dateOf(on.started),
    completedOn: dateOf(on.completed),
    error: succeeded ? null : errorIn(output),
    by: state === 'active' ? null : textIn(output, 'by'),
    trigger: textIn(output, 'trigger') ?? textIn(data, 'trigger'),
    outcome: succeeded ? recordedOutcome(output) : null,
  };
}

// pg-boss stores a thrown error as its fields, and what it says itself as `value` or in it.
function errorIn(output: unknown): string | null {
  return textIn(output, 'message') ?? textIn(valueIn(output), 'message') ?? recordedText(valueIn(output));
}

function valueIn(output: unknown): unknown {
  return (output as { readonly value?: unknown } | null)?.value;
}

function textIn(fields: unknown, name: string): string | null {
  return recordedText((fields as Readonly<Record<string, unknown>> | null)?.[name]);
}
