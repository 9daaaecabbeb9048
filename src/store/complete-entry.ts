import { sql } from 'kysely';
import type { Completion, CompleteResult } from '../audit-log/completion.ts';
import { MAX_CHARACTERS, storableText } from '../audit-log/storable-text.ts';
import type { AuditLogDatabase } from './database.ts';
import { storableDetails } from './details-json.ts';
import { instantText } from './instant-text.ts';

/**
 * Completes an entry if it is still incomplete. Safe against the worker and against other callers: whoever comes
 * first wins, and the second is told what stands. Served by the primary key.
 */
export async function completeEntry(
  { db }: AuditLogDatabase,
  id: string,
  completion: Completion,
): Promise<CompleteResult> {
  const failed = completion.kind === 'error' ? completion : undefined;
  const { resource, details } = completion;
  const completed = await db
    .updateTable('audit_log')
    .set({
      result_kind: completion.kind,
      http_status_code: completion.httpStatusCode ?? null,
      error_code: storableText(failed?.code),
      error_message: storableText(failed?.message, MAX_CHARACTERS.errorMessage),
      ...(resource && { resource_type: storableText(resource.type), resource_id: storableText(resource.id) }),
      ...(details && { details: storableDetails(details) }),
    })
    .where('id', '=', id)
    // A completed entry is final: without this the trigger would refuse what is only a lost race.
    .where('time_completed', 'is', null)
    .returning(instantText(sql.ref('time_completed')).as('timeCompleted'))
    .executeTakeFirst();
  if (completed) return { status: 'completed', timeCompleted: completed.timeCompleted };

  // A statement of its own, so that it sees what the one that won has committed.
  const standing = await db
    .selectFrom('audit_log')
    .select(['result_kind as result', instantText(sql.ref('time_completed')).as('timeCompleted')])
    .where('id', '=', id)
    .executeTakeFirst();
  if (!standing) return { status: 'not-found' };
  if (!standing.result) throw new Error(`entry ${id} is incomplete and was not completed`);
  return { status: 'already-completed', result: standing.result, timeCompleted: standing.timeCompleted };
}
