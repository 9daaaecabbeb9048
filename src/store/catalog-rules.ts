import { type RawBuilder, sql } from 'kysely';
import { trusts } from './foreign-objects.ts';

/** One rule of a schema, as the catalog has it: a row of `migrated_rule`, and of {@link catalogRules}. */
export interface Rule {
  /** What it is: `trigger`, `function`, … Those that end in a word of {@link isState} are what is unusual of one. */
  readonly kind: string;
  /** As SQL has it for functions, `audit_log_seal(timestamp with time zone)`; bare for others. */
  readonly name: string;
  /** The table or view that it belongs to, bare; empty for one that belongs to none. */
  readonly relation: string;
  readonly definition: string;
}

/** Whether a row says what is unusual of an object, `disabled`, rather than what the object is. */
export function isState(kind: string): boolean {
  return / (?:state|owner|right)$/.test(kind);
}

/** Whether a schema that has just been made may have it from default privileges or from the server, without any migration. */
export function isOfDefaults(kind: string): boolean {
  return /^(?:setting state|schema .*|(?:table|view|sequence) right)$/.test(kind);
}

/**
 * The role to which most relations of a schema belong, as a query for one value. `known` is a query for the names that
 * count: somebody else's would elect their owner.
 */
export function schemaOwner(schema: string, known?: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select mode() within group (order by relowner) from pg_class
     where relnamespace = (select oid from pg_namespace where nspname = ${schema}) and relkind in ('r', 'v', 'S')
       ${known ? sql`and relname in (${known})` : sql``}`;
}

/** By whom else than the owner rights were granted: by roles that have them with grant option. */
const passedOn = sql`coalesce(', granted by ' || string_agg(distinct grantor::regrole::text, ', ') filter (where grantor <> owner), '')`;

/**
 * The rules that a schema has now, as a query with the columns of {@link Rule}, to be run by `readCatalog`.
 * It reads the catalog only, and needs no right. Everything belongs to whom most of the schema belongs to, so that the
 * name of that role does not matter; privileges do when everybody has them. What belongs to an extension is not of the
 * schema.
 *
 * Not read, because they keep no rule: indexes that are not unique, storage parameters, statistics, comments, and what
 * PostgreSQL 18 lists as constraints of its own kind for columns that are not null.
 */
export function catalogRules(schema: string, known?: RawBuilder<unknown>): RawBuilder<Rule> {
  return sql<Rule>`
    with here as (select oid from pg_namespace where nspname = ${schema}),
    owned as (
      select case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind, relname::text as name,
             oid, relowner as owner, relpersistence, relkind, relrowsecurity, reloptions, relacl
        from pg_class where relnamespace = (select oid from here) and relkind in ('r', 'p', 'v', 'S')
    ),
    called as (
      select oid, regexp_replace(oid::regprocedure::text, format('^%I[.]', ${schema}::text), '') as name, proowner as owner, proacl,
             case prokind when 'a' then 'aggregate' else 'function' end as kind
        from pg_proc where pronamespace = (select oid from here)
         and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
    ),
    columns as (
      select owned.name as relation, attname::text as name, attnotnull, format_type(atttypid, atttypmod) as type,
             attgenerated, attidentity, pg_get_expr(adbin, adrelid) as expression,
             exists (select from pg_constraint where conrelid = owned.oid and contype = 'n' and not convalidated
                        and conkey = array[attnum]) as unproved
        from owned
        join pg_attribute on attrelid = owned.oid and attnum > 0 and not attisdropped
        left join pg_attrdef on adrelid = attrelid and adnum = attnum
       where owned.kind = 'table'
    ),
    fired as (
      select owned.name as relation, tgname::text as name, pg_trigger.oid, tgenabled, tgconstraint, tgisinternal
        from owned join pg_trigger on tgrelid = owned.oid
    )
    select kind, name, '' as relation,
           case kind
             when 'view' then concat('CREATE OR REPLACE VIEW ', quote_ident(name),
               ' WITH (' || array_to_string(reloptions, ', ') || ')', E' AS\\n', pg_get_viewdef(oid),
               -- What another schema's table or function is behind a name of the view.
               (select string_agg(distinct E'\\n-- uses ' || identity, '' order by E'\\n-- uses ' || identity)
                  from pg_rewrite, pg_depend, pg_identify_object(refclassid, refobjid, 0)
                 where ev_class = owned.oid and classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
                   and refclassid in ('pg_class'::regclass, 'pg_proc'::regclass) and schema not in (${schema}, 'pg_catalog')))
             when 'sequence' then (
               select format('AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s %s',
                        format_type(seqtypid, null), seqincrement, seqmin, seqmax, seqstart,
                        case when seqcycle then 'CYCLE' else 'NO CYCLE' end)
                 from pg_sequence where seqrelid = owned.oid)
             else case relkind when 'p' then 'partitioned' else 'ordinary' end
           end as definition
      from owned
    union all
    select kind || ' state', name, '', 'unlogged' from owned where relpersistence = 'u'
    union all
    select 'row security of table state', name, name, 'on' from owned where relrowsecurity
    union all
    select kind || ' owner', name, '', format('owned by %s', owner::regrole)
      from (select kind, name, owner from owned union all select kind, name, owner from called) as each
     where owner <> (${schemaOwner(schema, known)})
    union all
    select 'function', name, '', replace(
             regexp_replace(pg_get_functiondef(oid), format('^(CREATE OR REPLACE [A-Z]+ )%I[.]', ${schema}::text), '\\1'),
             format(E'\\n SET search_path TO %L, ''pg_temp''\\n', ${schema}::text), E'\\n SET search_path FROM CURRENT\\n')
      from called where kind = 'function'
    union all
    select kind, name, '', kind from called where kind = 'aggregate'
    union all
    select 'operator', regexp_replace(oid::regoperator::text, format('^%I[.]', ${schema}::text), ''), '', format('calls %s', oprcode)
      from pg_operator where oprnamespace = (select oid from here)
       and not exists (select from pg_depend where classid = 'pg_operator'::regclass and objid = pg_operator.oid and deptype = 'e')
    union all
    select 'function right', name, '', 'executable by PUBLIC' || ${passedOn}
      from called, aclexplode(coalesce(proacl, acldefault('f', owner))) where grantee = 0 group by name
    union all
    select kind || ' right', name, '', 'open to PUBLIC' || ${passedOn} from (
      select kind, name, owner, relacl from owned
      union all
      select kind, name, owner, attacl from owned join pg_attribute on attrelid = owned.oid) as each (kind, name, owner, acl), aclexplode(acl)
     where grantee = 0 group by kind, name
    union all
    select 'schema right', 'of the audit log', '', string_agg(distinct format('open for %s to create in',
             coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC')), ', ') || ${passedOn}
      from (select oid, nspowner as owner, nspowner, nspacl from pg_namespace) as each, aclexplode(nspacl)
     where each.oid = (select oid from here) and privilege_type = 'CREATE'
       and grantee not in (nspowner, (${schemaOwner(schema, known)}))
    having count(*) > 0
    union all
    select 'schema owner', 'of the audit log', '', format('owned by %s', nspowner::regrole)
      from pg_namespace, (${schemaOwner(schema, known)}) as of_most (owner)
     where pg_namespace.oid = (select oid from here) and not ${sql.raw(trusts('of_most.owner', 'nspowner'))}
    union all
    select 'column', name, relation, concat_ws(' ', type, 'identity ' || nullif(attidentity::text, ''), 'generated ' || nullif(attgenerated::text, ''))
      from columns
    union all
    select 'default of column', name, relation, expression from columns where expression is not null
    union all
    select 'not-null rule of column', name, relation, case when unproved then 'NOT NULL NOT VALID' else 'NOT NULL' end
      from columns where attnotnull
    union all
    select 'constraint', conname, owned.name, pg_get_constraintdef(pg_constraint.oid)
      from owned join pg_constraint on conrelid = owned.oid where contype in ('c', 'f', 'p', 'u', 'x')
    union all
    select 'key', indexrelid::regclass::text, owned.name, pg_get_indexdef(indexrelid, 0, true)
      from owned join pg_index on indrelid = owned.oid
     where indisunique and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))
    union all
    select 'key state', indexrelid::regclass::text, owned.name, 'invalid'
      from owned join pg_index on indrelid = owned.oid
     where indisunique and not (indisvalid and indisready and indislive)
    union all
    select 'trigger', name, relation, pg_get_triggerdef(oid, true) from fired where not tgisinternal
    union all
    select 'trigger state', name, relation,
           case tgenabled when 'D' then 'disabled' when 'R' then 'enabled for replicas only' else 'enabled always' end
      from fired where not tgisinternal and tgenabled <> 'O'
    union all
    select distinct 'constraint state', conname, owned.name, 'not checked, because triggers of PostgreSQL''s own are disabled'
      from fired join pg_constraint on pg_constraint.oid = tgconstraint join owned on owned.oid = conrelid
     where tgisinternal and tgenabled <> 'O'
    union all
    select 'policy', polname, owned.name, format('%s %s TO %s USING (%s) WITH CHECK (%s)',
             case when polpermissive then 'PERMISSIVE' else 'RESTRICTIVE' end, polcmd,
             (select string_agg(coalesce(nullif(role, 0)::regrole::text, 'PUBLIC'), ', ') from unnest(polroles) as role),
             pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
      from owned join pg_policy on polrelid = owned.oid
    union all
    select 'rule', rulename, owned.name, pg_get_ruledef(pg_rewrite.oid, true)
      from owned join pg_rewrite on ev_class = owned.oid where rulename <> '_RETURN'
    union all
    select 'setting state', concat('session_replication_role', ' of role ' || nullif(setrole, 0)::regrole::text,
             ' in database ' || quote_ident((select datname from pg_database where oid = setdatabase))), '', 'replica'
      from pg_db_role_setting
     where exists (select from unnest(setconfig) as setting where lower(setting) = 'session_replication_role=replica')
       and setdatabase in (0, (select oid from pg_database where datname = current_database()))
    union all
    select 'setting state', name || ' of the server', '', setting from pg_settings
     where name = 'session_replication_role' and setting = 'replica' and source in ('configuration file', 'command line')`;
}
