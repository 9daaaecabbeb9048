import { sql } from 'kysely';
import type { Completion, CompleteResult } from '../audit-log/completion.ts';
import type { Instant } from '../audit-log/instant.ts';
import { MAX_CHARACTERS, storableText } from '../audit-log/storable-text.ts';
import type { AuditLogDatabase } from './database.ts';
import { storableDetails } from './details-json.ts';
import { instantText } from './instant-text.ts';

/**
 * Records the outcome of an entry. Safe against the worker and against other callers: whoever comes first completes
 * it, and the others are told what stands. An outcome that comes after the worker closed the entry as `timeout` is not
 * thrown away: it is appended as an amendment, once. Served by the primary key.
 */
export async function completeEntry(
  database: AuditLogDatabase,
  id: string,
  completion: Completion,
): Promise<CompleteResult> {
  const timeCompleted = await completeIfIncomplete(database, id, completion);
  if (timeCompleted !== undefined) return { status: 'completed', timeCompleted };

  // A statement of its own, so that it sees what the one that won has committed.
  const standing = await database.db
    .selectFrom('audit_log')
    .select(['result_kind as result', instantText(sql.ref('time_completed')).as('timeCompleted')])
    .where('id', '=', id)
    .executeTakeFirst();
  if (!standing) return { status: 'not-found' };
  const { result } = standing;
  if (result === null) throw new Error(`entry ${id} is incomplete and was not completed`);
  if (result === 'timeout') {
    const amendmentId = await amendOnce(database, id, completion);
    if (amendmentId !== undefined) return { status: 'amended', amendmentId };
  }
  return { status: 'already-completed', result, timeCompleted: standing.timeCompleted };
}

async function completeIfIncomplete(
  { db }: AuditLogDatabase,
  id: string,
  completion: Completion,
): Promise<Instant | undefined> {
  const completed = await db
    .updateTable('audit_log')
    .set(resultColumns(completion))
    .where('id', '=', id)
    // A completed entry is final: without this the trigger would refuse what is only a lost race.
    .where('time_completed', 'is', null)
    .returning(instantText(sql.ref('time_completed')).as('timeCompleted'))
    .executeTakeFirst();
  return completed?.timeCompleted;
}

/** The database takes what the entry was begun with from the amended one, and stamps the amendment. */
async function amendOnce({ db }: AuditLogDatabase, id: string, completion: Completion): Promise<string | undefined> {
  const amendment = await db
    .insertInto('audit_log')
    .values({ amends: id, ...resultColumns(completion) })
    .onConflict((conflict) => conflict.column('amends').where('amends', 'is not', null).doNothing())
    .returning('id')
    .executeTakeFirst();
  return amendment?.id;
}

function resultColumns(completion: Completion) {
  const { resource, details } = completion;
  const failed = completion.kind === 'error' ? completion : undefined;
  return {
    result_kind: completion.kind,
    http_status_code: completion.httpStatusCode ?? null,
    error_code: storableText(failed?.code),
    error_message: storableText(failed?.message, MAX_CHARACTERS.errorMessage),
    ...(resource && { resource_type: storableText(resource.type), resource_id: storableText(resource.id) }),
    ...(details && { details: storableDetails(details) }),
  };
}
