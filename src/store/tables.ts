import type { ColumnType, Generated, SelectType } from 'kysely';
import type { ResultKind } from '../audit-log/completion.ts';

/** Given when an entry is begun, and never again. An amendment takes it from the entry that it amends. */
type Begun<T> = ColumnType<T, T | undefined, never>;
/** Given when an entry is completed, or with an amendment. */
type Result<T> = ColumnType<T | null, T | null | undefined, T | null>;

/**
 * Row of `audit_log`, as migrations/0001_audit_log.sql makes it. Instants go in and out as microsecond text. Which
 * columns go together is for the constraints of the table to say.
 */
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
  details: ColumnType<unknown, string | null | undefined, string | null>;
  instance_id: Begun<string | null>;
  /** Stamped by the database, never given. */
  time_completed: ColumnType<string | null, never, never>;
  result_kind: ColumnType<ResultKind | null, ResultKind | undefined, ResultKind>;
  http_status_code: Result<number>;
  error_code: Result<string>;
  error_message: Result<string>;
  amends: ColumnType<string | null, string | undefined, never>;
}

/** Row of the view `audit_log_complete`: what readers may see. */
type CompleteEntryRow = {
  readonly [Column in Exclude<keyof AuditLogTable, 'time_completed' | 'result_kind'>]: ReadOnly<
    SelectType<AuditLogTable[Column]>
  >;
} & {
  readonly time_completed: ReadOnly<string>;
  readonly result_kind: ReadOnly<'success' | 'error' | 'unknown'>;
};
type ReadOnly<T> = ColumnType<T, never, never>;

export interface Tables {
  audit_log: AuditLogTable;
  audit_log_complete: CompleteEntryRow;
  replica: ReplicaTable;
}

/** Row of `replica`: migrations/0005_replica.sql, 0007_queue.sql. */
interface ReplicaTable {
  /** Of the process. */
  id: Generated<string>;
  name: string;
  job: string;
  cron: string;
  timezone: string;
  time_checked: Generated<string>;
}
