import type { Completion, CompleteResult, ResultKind } from '../audit-log/completion.ts';
import type { Instant } from '../audit-log/instant.ts';
import { MAX_CHARACTERS, storableText } from '../audit-log/storable-text.ts';
import { storableDetails } from './details-json.ts';
import { auditLogTable, type Query } from './query.ts';

const TIME_COMPLETED = `to_char(time_completed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "timeCompleted"`;

/**
 * Records the outcome of an entry. Safe against the worker and against other callers: whoever comes first completes
 * it, and the others are told what stands. An outcome that comes after the worker closed the entry as `timeout` is not
 * thrown away: it is appended as an amendment, once. Served by the primary key.
 */
export async function completeEntry(
  query: Query,
  schema: string,
  id: string,
  completion: Completion,
): Promise<CompleteResult> {
  const table = auditLogTable(schema);
  const values = [id, ...resultOf(completion)];
  // A completed entry is final: without the last condition the trigger would refuse what is only a lost race.
  const [completed] = await query<{ readonly timeCompleted: Instant }>(
    `update ${table}
        set result_kind = $2, http_status_code = $3, error_code = $4, error_message = $5,
            resource_type = case when $6::text is null then resource_type else $6 end,
            resource_id = case when $6::text is null then resource_id else $7 end,
            details = coalesce($8, details)
      where id = $1 and time_completed is null
      returning ${TIME_COMPLETED}`,
    values,
  );
  if (completed) return { status: 'completed', timeCompleted: completed.timeCompleted };

  // A statement of its own, so that it sees what the one that won has committed.
  const [standing] = await query<{ readonly result: ResultKind | null; readonly timeCompleted: Instant }>(
    `select result_kind as result, ${TIME_COMPLETED} from ${table} where id = $1`,
    [id],
  );
  if (!standing) return { status: 'not-found' };
  const { result, timeCompleted } = standing;
  if (result === null) throw new Error(`entry ${id} is incomplete and was not completed`);
  if (result === 'timeout') {
    // The database takes what the entry was begun with from the amended one, and stamps the amendment.
    const [amendment] = await query<{ readonly id: string }>(
      `insert into ${table}
         (amends, result_kind, http_status_code, error_code, error_message, resource_type, resource_id, details)
       values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (amends) where amends is not null do nothing
       returning id`,
      values,
    );
    if (amendment) return { status: 'amended', amendmentId: amendment.id };
  }
  return { status: 'already-completed', result, timeCompleted };
}

/** The columns of the result, then resource and details: null where they stay as they were begun. */
function resultOf(completion: Completion): unknown[] {
  const { resource, details } = completion;
  const failed = completion.kind === 'error' ? completion : undefined;
  return [
    completion.kind,
    completion.httpStatusCode ?? null,
    storableText(failed?.code),
    storableText(failed?.message, MAX_CHARACTERS.errorMessage),
    storableText(resource?.type),
    storableText(resource?.id),
    storableDetails(details),
  ];
}
