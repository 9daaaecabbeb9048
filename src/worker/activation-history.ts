import type { JobWithMetadata, PgBoss } from 'pg-boss';
import { inOrderOfContract } from './outcome-order.ts';

/** One activation as pg-boss's job table tells it: the outcome that it stored, and what pg-boss knows beside. */
export interface RecordedActivation {
  readonly id: string;
  /** `created`, `retry`, `active`, `completed`, `cancelled` or `failed`. */
  readonly state: string;
  /** How often the activation was tried again after its replica was lost or it failed. */
  readonly retries: number;
  readonly createdOn: Date;
  readonly startedOn: Date | null;
  readonly completedOn: Date | null;
  /** Of one that runs or waits: why its last attempt failed. */
  readonly error: string | null;
  /** The replica whose attempt was the last to end. Null when none has, or when that replica was lost. */
  readonly by: string | null;
  readonly trigger: string | null;
  /** Null until it has completed. Its fields are in the order of the contract. */
  readonly outcome: Readonly<Record<string, unknown>> | null;
}

/** The latest activations of a job, newest first. Served by pg-boss's index on name and time. */
export async function lastActivations(
  boss: PgBoss,
  { job, schema, limit }: { readonly job: string; readonly schema: string; readonly limit: number },
): Promise<RecordedActivation[]> {
  const { rows } = await boss.getDb().executeSql(
    `select id, state, retry_count as "retryCount", created_on as "createdOn", started_on as "startedOn",
            completed_on as "completedOn", data, output
       from ${schema}.job where name = $1 order by created_on desc, id desc limit $2`,
    [job, limit],
  );
  return rows.map(recordedActivation);
}

type JobRow = Pick<
  JobWithMetadata<unknown>,
  'id' | 'state' | 'retryCount' | 'createdOn' | 'startedOn' | 'completedOn' | 'data' | 'output'
>;

export function recordedActivation(job: JobRow): RecordedActivation {
  const succeeded = job.state === 'completed';
  return {
    id: job.id,
    state: job.state,
    retries: job.retryCount,
    createdOn: job.createdOn,
    startedOn: job.startedOn,
    completedOn: job.completedOn,
    error: succeeded ? null : errorIn(job.output),
    by: job.state === 'active' ? null : textIn(job.output, 'by'),
    trigger: textIn(job.output, 'trigger') ?? textIn(job.data, 'trigger'),
    outcome: succeeded ? inOrderOfContract((job.output ?? {}) as Record<string, unknown>) : null,
  };
}

// pg-boss stores a thrown error as its fields, and what it says itself as `value` or in it.
function errorIn(output: unknown): string | null {
  const { message, value } = (output ?? {}) as { message?: unknown; value?: unknown };
  const told = message ?? (value as { message?: unknown } | undefined)?.message ?? value;
  return typeof told === 'string' ? told : null;
}

function textIn(fields: unknown, name: string): string | null {
  const value = (fields as Readonly<Record<string, unknown>> | null)?.[name];
  return typeof value === 'string' ? value : null;
}
