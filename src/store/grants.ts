/** The rights that each role needs on the audit log, and no more: what the statements of this room read and write. */

import { literal } from './quoting.ts';

/** The roles of a deployment, beside the owner, who migrates. They cannot log in: login roles become members of them. */
export const ROLES = ['sealog_service', 'sealog_reader', 'sealog_worker'] as const;

/** What the defaults of the table call, as the role that begins an entry. */
const DEFAULTS = ['audit_log_clock()', 'audit_log_microseconds(timestamptz)', 'audit_log_uuid()'];

// Neither the id nor the start: an entry begins now, under an id that the database makes.
const BEGUN = [
  'operation_id',
  'actor_kind',
  'actor_id',
  'tenant_id',
  'auth_method',
  'credential_id',
  'request_id',
  'request_uri',
  'source_ip',
  'user_agent',
  'resource_type',
  'resource_id',
  'details',
  'instance_id',
];
const COMPLETED = [
  'result_kind',
  'http_status_code',
  'error_code',
  'error_message',
  'resource_type',
  'resource_id',
  'details',
];
const READ_BY_COMPLETION = ['id', 'time_started', 'time_completed', 'result_kind', 'amends'];
/** What an amendment gives: the database takes the rest from the entry that it amends. */
const AMENDED = [...new Set([...BEGUN, ...COMPLETED, 'amends'])];

/**
 * SQL that makes the roles where they are missing and replaces what they were granted on the tables, sequences and
 * functions of the audit log by what they need. What PUBLIC may, they may too: execute those functions of the schema that
 * do not run as its owner. For its owner, or a superuser, with the right to create roles.
 */
export function auditLogGrants(schema: string): string {
  const at = (name: string) => `"${schema}".${name}`;
  const call = (...names: string[]) => names.map(at).join(', ');
  const table = at('audit_log');
  return `${ROLES.map(createRole).join('\n')}

revoke all on schema "${schema}" from public, ${ROLES.join(', ')} cascade;
revoke all on all tables in schema "${schema}" from public, ${ROLES.join(', ')} cascade;
revoke all on all sequences in schema "${schema}" from public, ${ROLES.join(', ')} cascade;
revoke all on all functions in schema "${schema}" from ${ROLES.join(', ')} cascade;
grant usage on schema "${schema}" to ${ROLES.join(', ')};

-- sealog_service begins and completes entries. It can read no more of them than that needs: when they
-- were begun and completed, and with which result.
grant insert (${AMENDED.join(', ')}) on ${table} to sealog_service;
grant update (${COMPLETED.join(', ')}) on ${table} to sealog_service;
grant select (${READ_BY_COMPLETION.join(', ')}) on ${table} to sealog_service;
grant execute on function ${call(...DEFAULTS)} to sealog_service;

-- sealog_reader sees completed entries, and how far they are final.
grant select on ${call('audit_log_complete', 'audit_log_horizon')} to sealog_reader;
grant execute on function ${call('audit_log_seal(timestamptz)')} to sealog_reader;

-- sealog_worker completes entries as timeout: an outcome takes the right to update http_status_code too.
grant select (id, time_started, time_completed, operation_id, result_kind) on ${table} to sealog_worker;
grant update (result_kind) on ${table} to sealog_worker;
grant select on ${call('activation', 'audit_log_horizon', 'audit_log_horizon_holders', 'migrated_rule', 'migration', 'queue')} to sealog_worker;
grant select, insert, update, delete on ${at('replica')} to sealog_worker;
grant execute on function ${call('activations()', 'audit_log_clock()', 'audit_log_instant(bigint)', 'audit_log_lock_namespace()', 'audit_log_seal(timestamptz)')} to sealog_worker;
-- For the names of other roles' sessions that hold the horizon, in \`sealog status\`:
--   grant pg_read_all_stats to sealog_worker;
`;
}

/** SQL for what the roles and PUBLIC have in some schemas from others than the owner, which the owner cannot revoke from them. */
export function passedOnRights(schemas: readonly string[]): string {
  const here = `(select oid from pg_catalog.pg_namespace where nspname in (${schemas.map(literal).join(', ')}))`;
  const roles = ROLES.map(literal).join(', ');
  return `-- What somebody who has it with grant option has passed on is still there, and is listed here.
-- Revoke it from whom it was granted by, and add \`cascade\`.
select pg_catalog.pg_describe_object(catalog, object, part) as object, privilege_type as "right",
       coalesce(role.rolname, 'PUBLIC') as role, grantor::regrole as "granted by"
  from (select 'pg_namespace'::regclass, oid, 0, nspowner, nspacl from pg_catalog.pg_namespace where oid in ${here}
        union all
        select 'pg_class'::regclass, oid, 0, relowner, relacl from pg_catalog.pg_class where relnamespace in ${here}
        union all
        select 'pg_class'::regclass, attrelid, attnum, relowner, attacl
          from pg_catalog.pg_attribute join pg_catalog.pg_class on attrelid = pg_class.oid where relnamespace in ${here}
        union all
        select 'pg_proc'::regclass, oid, 0, proowner, proacl from pg_catalog.pg_proc where pronamespace in ${here}
       ) as given (catalog, object, part, owner, acl)
 cross join pg_catalog.aclexplode(acl)
  left join pg_catalog.pg_roles as role on role.oid = grantee
 where grantor <> owner and (grantee = 0 or role.rolname in (${roles}));
`;
}

function createRole(role: string): string {
  // Roles belong to the whole server: somebody else may be making it, too.
  return `do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = '${role}') then
    create role ${role} nologin;
  end if;
exception when duplicate_object or unique_violation then null;
end $$;`;
}
