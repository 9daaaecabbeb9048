import { StoreError } from './errors.ts';
import { identifier } from './quoting.ts';

/** A connection that sends text, or a pool of them. */
export type SendText = (statement: { text: string; values: unknown[] }) => Promise<{ readonly rows: unknown[] }>;

/**
 * SQL for whether `role` may run what `owner` made: it is `owner`'s member, or `owner` is a superuser and has no need of
 * traps. A superuser is a member of every role, which says nothing: it runs what superusers made, and no more.
 */
export function trusts(role: string, owner: string): string {
  const member = `case ${owner} when pg_catalog.to_regrole('pg_database_owner')
    then (select datdba from pg_catalog.pg_database where datname = pg_catalog.current_database()) else ${owner} end`;
  return `exists (select from pg_catalog.pg_roles as role, pg_catalog.pg_roles as owner
    where role.oid = ${role} and owner.oid = ${member}
      and (owner.rolsuper or not role.rolsuper and pg_catalog.pg_has_role(role.oid, owner.oid, 'usage')))`;
}

/** {@link refuseForeignObjects} of a schema that is made first where it is missing, so that nobody can make it meanwhile. */
export async function claimSchema(send: SendText, schema: string, tables?: readonly string[]): Promise<void> {
  if (await refuseForeignObjects(send, schema, tables)) return;
  await send({ text: `create schema if not exists ${identifier(schema)}`, values: [] });
  // Somebody else may have made it just before, and dropped it just now.
  if (await refuseForeignObjects(send, schema, tables)) return;
  throw refused(`expected schema ${schema} to stay, got none: another role makes and drops it`);
}

/**
 * Throws {@link StoreError} when a schema, or anything in it that a statement may lead to, belongs to a role that the current
 * one does not {@link trusts trust}, or when anything hangs on the tables that a migration writes. Whoever may create in the
 * database can make the schema first, and what is in it would run as the role that migrates. Nothing in the schema is
 * asked.
 *
 * Answers false when there is no such schema: then nothing in it may be read, because it may be there, and another's, by
 * then. After true nobody else can drop it.
 *
 * `tables`: those that are written, in this schema. Default: all.
 */
export async function refuseForeignObjects(
  send: SendText,
  schema: string,
  tables?: readonly string[],
): Promise<boolean> {
  const { rows } = await send({ text: FOREIGN, values: [schema, tables ?? null] });
  const [found] = rows as Found[];
  if (!found) return true;
  const { what, owner, me, is_super: isSuper, is_schema: isSchema } = found;
  if (what === null) return false;
  if (owner === null) {
    throw refused(`expected nothing to run when schema ${schema} is migrated, got ${what}: drop it first`);
  }
  const expected = `${me}, ${isSuper ? 'or to another superuser' : 'who migrates, to a role it is a member of, or to a superuser'}`;
  const advice = isSchema && isSuper ? `: if it should, migrate as ${owner}` : '';
  throw refused(
    `expected schema ${schema} and all in it to belong to ${expected}; ${what} belongs to ${owner}${advice}`,
  );
}

interface Found {
  /** Null: there is no schema. */
  readonly what: string | null;
  readonly owner: string | null;
  readonly me: string;
  readonly is_super: boolean;
  readonly is_schema: boolean;
}

function refused(message: string): StoreError {
  return new StoreError('migrate', new Error(message));
}

const FOREIGN = `
with here as (select oid from pg_catalog.pg_namespace where nspname = $1::text),
found (rank, catalog, object, owner) as (
  select 1, 'pg_namespace'::regclass, oid, nspowner from pg_catalog.pg_namespace where oid = (select oid from here)
  union all
  select 2, 'pg_class'::regclass, oid, relowner from pg_catalog.pg_class where relnamespace = (select oid from here)
  union all
  select 3, 'pg_proc'::regclass, oid, proowner from pg_catalog.pg_proc where pronamespace = (select oid from here)
  union all
  select 4, 'pg_operator'::regclass, oid, oprowner from pg_catalog.pg_operator where oprnamespace = (select oid from here)
  union all
  select 5, 'pg_type'::regclass, oid, typowner from pg_catalog.pg_type where typnamespace = (select oid from here)
),
written as (
  select oid from pg_catalog.pg_class
   where relnamespace = (select oid from here) and relkind in ('r', 'p', 'v') and ($2::text[] is null or relname = any ($2::text[]))
)
select pg_catalog.pg_describe_object(catalog, object, 0) as what, owner::regrole::text as owner,
       current_user::text as me, rolsuper as is_super, rank = 1 as is_schema, rank
  from found, pg_catalog.pg_roles as me
 where me.rolname = current_user and not ${trusts('me.oid', 'found.owner')}
union all
select null, null, null, null, null, 0 where not exists (select from here)
union all
select pg_catalog.pg_describe_object(catalog, object, 0), null, null, null, null, 6
  from (select 'pg_trigger'::regclass as catalog, oid as object from pg_catalog.pg_trigger
         where tgrelid in (select oid from written) and not tgisinternal
        union all
        select 'pg_policy'::regclass, oid from pg_catalog.pg_policy where polrelid in (select oid from written)
        union all
        select 'pg_rewrite'::regclass, oid from pg_catalog.pg_rewrite
         where ev_class in (select oid from written) and rulename <> '_RETURN') as hung
 order by rank, what limit 1`;
