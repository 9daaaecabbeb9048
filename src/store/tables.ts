import type { ColumnType, Generated } from 'kysely';

/** What the database alone writes: selected, never given. */
type Stamped = ColumnType<string | null, never, never>;
type Begun<T> = ColumnType<T, T, never>;

/** Row of `audit_log`, as migrations/0001_audit_log.sql makes it. Instants go in and out as microsecond text. */
export interface AuditLogTable {
  id: Generated<string>;
  time_started: Generated<string>;
  operation_id: Begun<string>;
  actor_kind: Begun<string>;
  actor_id: Begun<string | null>;
  tenant_id: Begun<string | null>;
  auth_method: Begun<string | null>;
  credential_id: Begun<string | null>;
  request_id: Begun<string | null>;
  request_uri: Begun<string | null>;
  source_ip: Begun<string | null>;
  user_agent: Begun<string | null>;
  resource_type: string | null;
  resource_id: string | null;
  details: ColumnType<unknown, string | null, string | null>;
  instance_id: Begun<string | null>;
  time_completed: Stamped;
  result_kind: ColumnType<'success' | 'error' | 'timeout' | null, never, 'success' | 'error' | 'timeout'>;
  http_status_code: ColumnType<number | null, never, number | null>;
  error_code: ColumnType<string | null, never, string | null>;
  error_message: ColumnType<string | null, never, string | null>;
  amends: Stamped;
}

export interface Tables {
  audit_log: AuditLogTable;
}
