import type { Actor } from '../audit-log/entry.ts';
import type { Entry, EntryResult } from '../audit-log/listing.ts';
import { detailsValue } from './details-value.ts';
import { instantJson, instantOfJson } from './instant-json.ts';
import { auditLogTable } from './query.ts';

/** As text, which every client of pg gives as it is: parsers of other types may be the program's own. */
const COLUMNS = [
  'id::text as id',
  'operation_id',
  'actor_kind',
  'actor_id',
  'tenant_id',
  'auth_method',
  'credential_id',
  'request_id',
  'request_uri',
  // A network is shown as its address.
  'pg_catalog.host(source_ip) as source_ip',
  'user_agent',
  'resource_type',
  'resource_id',
  'details::text as details',
  'instance_id',
  'result_kind',
  'http_status_code::text as http_status_code',
  'error_code',
  'error_message',
  'amends::text as amends',
] as const;

/** Completed entries as readers see them, by the name of `entry`. */
export function completeEntries(schema: string): string {
  return `${auditLogTable(schema)}_complete as entry`;
}

/**
 * Entries of `from`, which {@link completeEntries} is: a statement to be narrowed and ordered by the columns of `entry`.
 * Each row then becomes an entry by {@link toEntry} or {@link toExactEntry}.
 */
export function selectEntries(from: string, ...more: readonly string[]): string {
  return `select ${[...COLUMNS, ...more].join(', ')}, ${instantJson('entry.time_started')} as time_started,
    ${instantJson('entry.time_completed')} as time_completed
    from ${from}`;
}

/** Instants are those of `instantJson`. */
export interface EntryRow {
  readonly id: string;
  readonly time_started: string;
  readonly time_completed: string;
  readonly operation_id: string;
  readonly actor_kind: string;
  readonly actor_id: string | null;
  readonly tenant_id: string | null;
  readonly auth_method: string | null;
  readonly credential_id: string | null;
  readonly request_id: string | null;
  readonly request_uri: string | null;
  readonly source_ip: string | null;
  readonly user_agent: string | null;
  readonly resource_type: string | null;
  readonly resource_id: string | null;
  readonly details: string | null;
  readonly instance_id: string | null;
  readonly result_kind: 'success' | 'error' | 'unknown';
  readonly http_status_code: string | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly amends: string | null;
}

/** An entry with `details` as the text that the database prints, in which no number is rounded. */
export interface ExactEntry extends Entry {
  readonly details: string | null;
}

export function toEntry(row: EntryRow): Entry {
  return { ...toExactEntry(row), details: row.details === null ? null : detailsValue(row.details) };
}

export function toExactEntry(row: EntryRow): ExactEntry {
  return {
    id: row.id,
    timeStarted: instantOfJson(row.time_started),
    timeCompleted: instantOfJson(row.time_completed),
    operationId: row.operation_id,
    actor: { kind: row.actor_kind, ...(row.actor_id !== null && { id: row.actor_id }) } as Actor,
    tenantId: row.tenant_id,
    authMethod: row.auth_method,
    credentialId: row.credential_id,
    requestId: row.request_id,
    requestUri: row.request_uri,
    sourceIp: row.source_ip,
    userAgent: row.user_agent,
    resource:
      row.resource_type === null
        ? null
        : { type: row.resource_type, ...(row.resource_id !== null && { id: row.resource_id }) },
    details: row.details,
    instanceId: row.instance_id,
    result: toResult(row),
    amends: row.amends,
  };
}

function toResult(row: EntryRow): EntryResult {
  const { result_kind: kind, http_status_code: status } = row;
  const httpStatusCode = status === null ? null : Number(status);
  switch (kind) {
    case 'success':
      return { kind, httpStatusCode };
    case 'error':
      return { kind, httpStatusCode, code: row.error_code, message: row.error_message ?? '' };
    case 'unknown':
      return { kind };
  }
}
