/**
 * SQL that lets a role use the queue without owning it: install queues and schedules, send, poll, supervise. The role
 * can neither create nor alter anything, so its workers run with `queue.migrate` false. Later versions of pg-boss may
 * add tables, which are its owner's, and the role's to use from the start.
 */
export function queueGrants(schema: string, role: string): string {
  return `-- ${role} uses the queue and does not migrate it: SEALOG_QUEUE_MIGRATE=false.
grant usage on schema "${schema}" to ${role};
grant select, insert, update, delete on all tables in schema "${schema}" to ${role};
grant execute on all functions in schema "${schema}" to ${role};
do $$ declare
  owner constant text := (select nspowner::regrole from pg_catalog.pg_namespace where nspname = '${schema}');
begin
  execute format('alter default privileges for role %s in schema "${schema}" grant select, insert, update, delete on tables to ${role}', owner);
  execute format('alter default privileges for role %s in schema "${schema}" grant execute on functions to ${role}', owner);
end $$;
`;
}
