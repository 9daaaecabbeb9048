/** What a role may do with one table of pg-boss, and why a worker needs it. */
interface TableGrant {
  readonly table: string;
  readonly rights: readonly string[];
  readonly why: string;
}

// Each column of a queue but `table_name`, `policy`, `partition`, `name` and `created_on`: pg-boss puts `table_name` into
// the text of its statements, those of the next `sealog migrate` too, which runs as the owner.
const QUEUE_OPTIONS =
  'retry_limit, retry_delay, retry_backoff, retry_delay_max, expire_seconds, retention_seconds, deletion_seconds, ' +
  'warning_queued, dead_letter, heartbeat_seconds, notify, updated_on';
const QUEUE_COUNTS =
  'deferred_count, blocked_count, queued_count, ready_count, active_count, failed_count, total_count, retained_count, ' +
  'retained_on, created_delta, completed_delta, failed_delta, delta_on, delta_seconds, wait_bins, run_bins, ' +
  'ready_oldest_seconds, ready_history, singletons_active, monitor_claim_on, monitor_on, maintain_on';

/**
 * The rights of a worker that does not own the queue, table by table. None on `bam`, whose rows are commands that the
 * owner runs, none on `subscription` and `queue_stats`, which are not used, and no right to change `version.version`.
 */
export const QUEUE_TABLES: readonly TableGrant[] = [
  { table: 'job', rights: ['select', 'insert', 'update', 'delete'], why: 'sends, takes, completes and deletes jobs' },
  { table: 'job_common', rights: ['select', 'insert', 'update', 'delete'], why: 'the partition that holds them' },
  {
    table: 'queue',
    rights: ['select', 'insert', 'delete', `update (${QUEUE_OPTIONS}, ${QUEUE_COUNTS})`],
    why: 'installs its queues, makes anew one that has another policy, keeps options up to date, and supervises',
  },
  { table: 'schedule', rights: ['select', 'insert', 'update', 'delete'], why: 'installs and removes schedules' },
  {
    table: 'version',
    rights: ['select', 'update (cron_on, flow_on, reindex_on, monitor_backoff_on)'],
    why: 'claims the passes that one replica at a time runs',
  },
  {
    table: 'instance',
    rights: ['select', 'insert', 'update', 'delete'],
    why: 'registers itself, and removes dead rows',
  },
  { table: 'warning', rights: ['select', 'insert', 'delete'], why: 'keeps the warnings of pg-boss' },
  { table: 'sealog_queue', rights: ['select'], why: 'compares the audit log that the queue belongs to' },
  { table: 'job_dependency', rights: ['select', 'delete'], why: 'removes what belongs to deleted jobs' },
];

/** The constraint that `sealog migrate` puts on pg-boss's table of queues. */
export const TABLE_NAME_RULE = 'sealog_queue_table_name';

/**
 * SQL that keeps a queue from naming anything but the two tables that sealog's queues are in, also when a worker inserts it. pg-boss
 * inserts queues itself at each start, so a worker needs the right to.
 */
export function queueTableRule(schema: string): string {
  return `do $$ begin
  -- Adding it waits for everybody who reads the table.
  if not exists (select from pg_constraint where conname = '${TABLE_NAME_RULE}' and conrelid = '"${schema}".queue'::regclass) then
    alter table "${schema}".queue add constraint ${TABLE_NAME_RULE}
      check (table_name in ('job', 'job_common') and not partition);
  end if;
end $$;
`;
}

/**
 * SQL that lets `role` use the queue without owning it, and takes from `roles` and from PUBLIC whatever else they were
 * granted there: install queues and schedules, send, poll, supervise. The role can neither create nor alter anything, so its workers run with `queue.migrate` false. To be run again after each
 * `sealog migrate`, because a later version of pg-boss may add tables and columns. Schema names are safe to put into
 * SQL: the configuration takes lower-case letters, digits and underscores only.
 */
export function queueGrants(schema: string, role: string, roles: readonly string[]): string {
  const others = roles.join(', ');
  const grants = QUEUE_TABLES.map(
    ({ table, rights, why }) => `-- ${why}\ngrant ${rights.join(', ')} on "${schema}".${table} to ${role};`,
  );
  return `-- ${role} uses the queue and does not migrate it: SEALOG_QUEUE_MIGRATE=false.
revoke all on schema "${schema}" from public, ${others} cascade;
revoke all on all tables in schema "${schema}" from public, ${others} cascade;
revoke all on all functions in schema "${schema}" from ${others} cascade;
grant usage on schema "${schema}" to ${role};
${grants.join('\n')}
-- the functions of pg-boss run with the rights of the caller
grant execute on function "${schema}".job_now(), "${schema}".create_queue(text, jsonb), "${schema}".delete_queue(text)
  to ${role};
`;
}
