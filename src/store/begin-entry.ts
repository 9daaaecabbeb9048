import type { BegunEntry, NewEntry } from '../audit-log/entry.ts';
import { MAX_CHARACTERS, storableText } from '../audit-log/storable-text.ts';
import { storableDetails } from './details-json.ts';
import { instantJson, instantOfJson } from './instant-json.ts';
import { storableAddress } from './ip-address.ts';
import { auditLogTable, type Query } from './query.ts';

/**
 * Begins an entry: one insert, committed when this returns unless `query` is in a transaction. The database names the
 * id. Its text is fixed: building it for each entry took as long as everything else that the process does for it.
 */
export async function beginEntry(
  query: Query,
  schema: string,
  entry: NewEntry,
  instanceId: string | undefined,
): Promise<BegunEntry> {
  const { actor, resource } = entry;
  const resourceType = storableText(resource?.type);
  const [begun] = await query<{ readonly id: string; readonly time_started: string }>(
    `insert into ${auditLogTable(schema)}
       (operation_id, actor_kind, actor_id, tenant_id, auth_method, credential_id, request_id, request_uri, source_ip,
        user_agent, resource_type, resource_id, details, instance_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::jsonb, $14)
     returning id::text as id, ${instantJson('time_started')} as time_started`,
    [
      storableText(entry.operationId),
      actor.kind,
      storableText('id' in actor ? actor.id : null),
      storableText(entry.tenantId),
      storableText(entry.authMethod),
      storableText(entry.credentialId),
      storableText(entry.requestId),
      storableText(entry.requestUri, MAX_CHARACTERS.requestUri),
      storableAddress(entry.sourceIp),
      storableText(entry.userAgent, MAX_CHARACTERS.userAgent),
      resourceType,
      // An id without a type names nothing, and the database refuses it.
      resourceType === null ? null : storableText(resource?.id),
      storableDetails(entry.details),
      storableText(instanceId),
    ],
  );
  if (begun === undefined) throw new Error('the insert of an entry returned nothing');
  return { id: begun.id, timeStarted: instantOfJson(begun.time_started) };
}
