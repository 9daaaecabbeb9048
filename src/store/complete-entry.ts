import type { Completion, CompleteResult, ResultKind } from '../audit-log/completion.ts';
import { MAX_CHARACTERS, storableText } from '../audit-log/storable-text.ts';
import { storableDetails } from './details-json.ts';
import { instantJson, instantOfJson } from './instant-json.ts';
import { auditLogTable, type Query } from './query.ts';

const TIME_COMPLETED = `${instantJson('time_completed')} as time_completed`;

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
  const result = resultOf(completion);
  const columns = Object.keys(result);
  const values = [id, ...Object.values(result)];
  // As text: what a driver takes for jsonb it may encode once more, postgres.js for one.
  const places = columns.map((column, index) => `$${index + 2}${column === 'details' ? '::text::jsonb' : ''}`);
  // A completed entry is final: without the last condition the trigger would refuse what is only a lost race. It is not
  // `time_completed is null`, which means the same, so that nothing but the primary key can serve this: by the table's
  // statistics no entry is incomplete, and PostgreSQL would rather read the whole index of those.
  const [completed] = await query<{ readonly time_completed: string }>(
    `update ${table}
        set ${columns.map((column, index) => `${column} = ${places[index]}`).join(', ')}
      where id = $1 and result_kind is null
      returning ${TIME_COMPLETED}`,
    values,
  );
  if (completed) return { status: 'completed', timeCompleted: instantOfJson(completed.time_completed) };

  // A statement of its own, so that it sees what the one that won has committed.
  const [standing] = await query<{ readonly result_kind: ResultKind | null; readonly time_completed: string }>(
    `select result_kind, ${TIME_COMPLETED} from ${table} where id = $1`,
    [id],
  );
  if (!standing) return { status: 'not-found' };
  const { result_kind: kind, time_completed: timeCompleted } = standing;
  if (kind === null) throw new Error(`entry ${id} is incomplete and was not completed`);
  if (kind === 'timeout') {
    // The database takes what the entry was begun with from the amended one, and stamps the amendment.
    const [amendment] = await query<{ readonly id: string }>(
      `insert into ${table} (amends, ${columns.join(', ')})
       values ($1, ${places.join(', ')})
       on conflict (amends) where amends is not null do nothing
       returning id::text as id`,
      values,
    );
    if (amendment) return { status: 'amended', amendmentId: amendment.id };
  }
  return { status: 'already-completed', result: kind, timeCompleted: instantOfJson(timeCompleted) };
}

/**
 * The columns of the result, and resource and details if there are any: what is not named stays as it was begun, and
 * whoever completes need not be able to read it.
 */
function resultOf(completion: Completion): Readonly<Record<string, unknown>> {
  const failed = completion.kind === 'error' ? completion : undefined;
  const resourceType = storableText(completion.resource?.type);
  const details = storableDetails(completion.details);
  return {
    result_kind: completion.kind,
    http_status_code: completion.httpStatusCode ?? null,
    error_code: storableText(failed?.code),
    error_message: storableText(failed?.message, MAX_CHARACTERS.errorMessage),
    ...(resourceType !== null && {
      resource_type: resourceType,
      resource_id: storableText(completion.resource?.id),
    }),
    ...(details !== null && { details }),
  };
}
