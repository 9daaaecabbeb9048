import { sql } from 'kysely';
import type { BegunEntry, NewEntry } from '../audit-log/entry.ts';
import { MAX_CHARACTERS, storableText } from '../audit-log/storable-text.ts';
import type { AuditLogDatabase } from './database.ts';
import { storableDetails } from './details-json.ts';
import { instantText } from './instant-text.ts';
import { storableAddress } from './ip-address.ts';

/** Begins an entry: one insert, committed when this returns unless `db` is a transaction. The database names the id. */
export async function beginEntry(
  { db }: AuditLogDatabase,
  entry: NewEntry,
  instanceId: string | undefined,
): Promise<BegunEntry> {
  const { actor, resource } = entry;
  const row = await db
    .insertInto('audit_log')
    .values({
      operation_id: storableText(entry.operationId) ?? '',
      actor_kind: actor.kind,
      actor_id: storableText('id' in actor ? actor.id : null),
      tenant_id: storableText(entry.tenantId),
      auth_method: storableText(entry.authMethod),
      credential_id: storableText(entry.credentialId),
      request_id: storableText(entry.requestId),
      request_uri: storableText(entry.requestUri, MAX_CHARACTERS.requestUri),
      source_ip: storableAddress(entry.sourceIp),
      user_agent: storableText(entry.userAgent, MAX_CHARACTERS.userAgent),
      resource_type: storableText(resource?.type),
      resource_id: storableText(resource?.id),
      details: storableDetails(entry.details),
      instance_id: storableText(instanceId),
    })
    .returning(['id', instantText(sql.ref('time_started')).as('timeStarted')])
    .executeTakeFirstOrThrow();
  return row;
}
