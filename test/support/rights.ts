import type pg from 'pg';

const TABLE_RIGHTS = ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'];
const COLUMN_RIGHTS = ['select', 'insert', 'update', 'references'];

/**
 * Everything that a role may do in two schemas, computed from the catalog, a line a right. `PUBLIC` is what every role may.
 * Functions are listed when they run as their owner, or when not every role may execute them.
 */
export async function rightsOf(pool: pg.Pool, role: string, schemas: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ right: string }>(
    `with relation as (
       select c.oid, format('%s.%s', n.nspname, c.relname) as name, c.relkind
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any($2) and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
     ), function as (
       select p.oid, format('%s.%s(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name,
              p.prosecdef or not has_function_privilege('public', p.oid, 'execute') as special,
              p.prosecdef
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = any($2)
     ), right_on as (
       select name, privilege from relation, unnest($3::text[]) as privilege
        where relkind <> 'S' and has_table_privilege($1, oid, privilege)
       union all
       select name, format('%s (%s)', privilege, string_agg(attname, ', ' order by attname))
         from relation join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped, unnest($4::text[]) as privilege
        where relkind <> 'S' and not has_table_privilege($1, oid, privilege)
          and has_column_privilege($1, oid, attnum, privilege)
        group by name, privilege
       union all
       select name, privilege from relation, unnest('{select,usage,update}'::text[]) as privilege
        where relkind = 'S' and has_sequence_privilege($1, oid, privilege)
       union all
       select name, 'execute' || case when prosecdef then ', as its owner' else '' end
         from function where special and has_function_privilege($1, oid, 'execute')
       union all
       select nspname::text, privilege from pg_namespace, unnest('{usage,create}'::text[]) as privilege
        where nspname = any($2) and has_schema_privilege($1, oid, privilege)
       union all
       select name, 'owns it' from relation join pg_class using (oid)
        where exists (select from pg_roles where rolname = $1 and oid = relowner)
       union all
       select format('membership in %s', granted.rolname), 'member'
         from pg_auth_members m join pg_roles granted on granted.oid = m.roleid join pg_roles member on member.oid = m.member
        where member.rolname = $1
       union all
       select format('default privileges of %s', coalesce(nspname, 'every schema')), array_to_string(defaclacl, ' ')
         from pg_default_acl left join pg_namespace n on n.oid = defaclnamespace
        where n.nspname = any($2) or n.oid is null
     )
     select format('%s: %s', name, string_agg(privilege, ', ' order by privilege)) as right
       from right_on group by name order by name collate "C"`,
    [role, schemas, TABLE_RIGHTS, COLUMN_RIGHTS],
  );
  return rows.map(({ right }) => right);
}
