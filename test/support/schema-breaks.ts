import type pg from 'pg';

/** One way in which somebody switches a rule of the schema off. */
export interface Break {
  readonly what: string;
  readonly statement: string;
  /** How the difference reads, in part. */
  readonly seen: string;
  /** Where it is left: the reason in part, and what undoes it. */
  readonly left?: { readonly why: string; readonly undo: string };
}

/**
 * Every way to switch off what the catalog of this database has, one by one: triggers, functions, constraints, keys,
 * columns and relations of the schema `sealog`. `stranger` is a role that may own things in it.
 */
export async function schemaBreaks(pool: pg.Pool, database: string, stranger: string): Promise<readonly Break[]> {
  const rows = async <Row extends object>(text: string): Promise<Row[]> => (await pool.query<Row>(text)).rows;
  const triggers = await rows<{ name: string; table: string; definition: string }>(`
  select tgname as name, relname as table, pg_get_triggerdef(pg_trigger.oid) as definition from pg_trigger join pg_class on pg_class.oid = tgrelid
   where relnamespace = 'sealog'::regnamespace and not tgisinternal`);
  const functions = await rows<{
    name: string;
    definition: string;
    type: string;
    definer: boolean;
    path: boolean;
    open: boolean;
  }>(`
  select oid::regprocedure::text as name, pg_get_functiondef(oid) as definition, prorettype::regtype::text as type,
         prosecdef as definer, proconfig is not null as path, has_function_privilege('public', oid, 'execute') as open
    from pg_proc where pronamespace = 'sealog'::regnamespace and proname <> 'activations'`);
  const constraints = await rows<{ name: string; table: string; type: string; definition: string }>(`
  select conname as name, relname as table, contype as type, pg_get_constraintdef(pg_constraint.oid) as definition
    from pg_constraint join pg_class on pg_class.oid = conrelid
   where relnamespace = 'sealog'::regnamespace and contype in ('c', 'p', 'u', 'f', 'x') and relname not like 'migration%'`);
  const keys = await rows<{ name: string }>(`
  select relname as name from pg_index join pg_class on pg_class.oid = indexrelid
   where relnamespace = 'sealog'::regnamespace and indisunique
     and not exists (select from pg_constraint where conindid = indexrelid)`);
  const columns = await rows<{ name: string; table: string; required: boolean; given: boolean; text: boolean }>(`
  select attname as name, relname as table, atthasdef as given, atttypid = 'text'::regtype as text,
         attnotnull and not exists (select from pg_index where indrelid = attrelid and indisprimary and attnum = any(indkey)) as required
    from pg_attribute join pg_class on pg_class.oid = attrelid
   where relnamespace = 'sealog'::regnamespace and relkind = 'r' and attnum > 0 and relname not like 'migration%'`);
  const relations = await rows<{ name: string; kind: string }>(`
  select relname as name, case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind
    from pg_class where relnamespace = 'sealog'::regnamespace and relkind in ('r', 'v', 'S')
     -- The owner of an identity's sequence is that of its table.
     and not exists (select from pg_depend where objid = pg_class.oid and deptype = 'i')
     and relname not like 'migration%' and relname <> 'activation'`);
  return [
    ...triggers.flatMap(({ name, table, definition }) => [
      {
        what: `trigger ${name} is disabled`,
        statement: `alter table sealog.${table} disable trigger ${name}`,
        seen: `trigger ${name} on ${table} is disabled`,
      },
      {
        what: `trigger ${name} is enabled for replicas only`,
        statement: `alter table sealog.${table} enable replica trigger ${name}`,
        seen: `trigger ${name} on ${table} is enabled for replicas only`,
      },
      {
        what: `trigger ${name} is dropped`,
        statement: `drop trigger ${name} on sealog.${table}`,
        seen: `trigger ${name} on ${table} is missing`,
      },
      {
        what: `trigger ${name} fires for nothing`,
        statement: `drop trigger ${name} on sealog.${table}; ${definition.replace(/( FOR EACH (?:ROW|STATEMENT))(?: WHEN \(.*\))? EXECUTE/, '$1 WHEN (false) EXECUTE')}`,
        seen: `trigger ${name} on ${table} is not as migrated`,
      },
    ]),
    ...functions.flatMap(({ name, definition, type, definer, path, open }) => [
      {
        what: `${name} has another body`,
        statement: otherBody(definition, type),
        seen: `function ${short(name)} is not as migrated`,
      },
      {
        what: `${name} runs as ${definer ? 'its caller' : 'its owner'}`,
        statement: `alter function ${name} security ${definer ? 'invoker' : 'definer'}`,
        seen: `function ${short(name)} is not as migrated`,
      },
      {
        what: `${name} has another search_path`,
        statement: `alter function ${name} ${path ? 'reset' : 'set'} search_path${path ? '' : ' to public'}`,
        seen: `function ${short(name)} is not as migrated`,
      },
      {
        what: `${name} has a longer search_path`,
        statement: `alter function ${name} set search_path to sealog, public, pg_temp`,
        seen: `function ${short(name)} is not as migrated`,
      },
      {
        what: `${name} belongs to another role`,
        statement: `alter function ${name} owner to ${stranger}`,
        seen: `function ${short(name)} is owned by ${stranger}`,
      },
      ...(open
        ? []
        : [
            {
              what: `${name} may be executed by everybody`,
              statement: `grant execute on function ${name} to public`,
              seen: `function ${short(name)} is executable by PUBLIC`,
            },
          ]),
      {
        what: `${name} has an overload`,
        statement: `create function ${name.replace(/\(.*/, '')}(point, point) returns integer language sql return 1`,
        seen: `function ${short(name).replace(/\(.*/, '')}(point,point) is not sealog's`,
        left: { why: 'somebody added it', undo: `drop function ${name.replace(/\(.*/, '')}(point, point)` },
      },
    ]),
    ...constraints.flatMap(({ name, table, type, definition }) => [
      {
        what: `constraint ${name} is dropped`,
        statement: `alter table sealog.${table} drop constraint ${name}`,
        seen: `constraint ${name} on ${table} is missing`,
      },
      ...(type === 'c' || type === 'f'
        ? [
            {
              what: `constraint ${name} is not valid`,
              statement: `alter table sealog.${table} drop constraint ${name}, add constraint ${name} ${definition} not valid`,
              seen: `constraint ${name} on ${table} is not valid`,
            },
          ]
        : []),
      ...(type === 'c'
        ? [
            {
              what: `constraint ${name} allows everything`,
              statement: `alter table sealog.${table} drop constraint ${name}, add constraint ${name} check (true)`,
              seen: `constraint ${name} on ${table} is not as migrated`,
            },
          ]
        : []),
    ]),
    ...keys.flatMap(({ name }) => [
      { what: `key ${name} is dropped`, statement: `drop index sealog.${name}`, seen: `key ${name} on` },
      {
        what: `key ${name} is invalid`,
        statement: `update pg_index set indisvalid = false where indexrelid = 'sealog.${name}'::regclass`,
        seen: `key ${name} on audit_log is invalid`,
      },
    ]),
    ...columns.flatMap(({ name, table, required, given, text }) => [
      ...(given
        ? [
            {
              what: `${table}.${name} has no default`,
              statement: `alter table sealog.${table} alter ${name} drop default`,
              seen: `default of column ${name} on ${table} is missing`,
            },
          ]
        : !text
          ? []
          : [
              {
                what: `${table}.${name} has a default`,
                statement: `alter table sealog.${table} alter ${name} set default 'x'`,
                seen: `default of column ${name} on ${table} is not sealog's`,
              },
            ]),
      ...(required
        ? [
            {
              what: `${table}.${name} may be null`,
              statement: `alter table sealog.${table} alter ${name} drop not null`,
              seen: `not-null rule of column ${name} on ${table} is missing`,
            },
          ]
        : []),
    ]),
    ...relations.flatMap(({ name, kind }) => [
      {
        what: `${kind} ${name} belongs to another role`,
        statement: `alter ${kind} sealog.${name} owner to ${stranger}`,
        seen: `${kind} ${name} is owned by ${stranger}`,
      },
      ...(kind === 'view'
        ? [
            {
              what: `view ${name} shows something else`,
              statement: `do $$ begin execute 'create or replace view sealog.${name} as ' || regexp_replace(pg_get_viewdef('sealog.${name}'::regclass), ';$', ' limit 1'); end $$`,
              seen: `view ${name} is not as migrated`,
            },
            {
              what: `view ${name} is dropped`,
              statement: `drop view sealog.${name} cascade`,
              seen: `view ${name} is missing`,
            },
          ]
        : []),
      ...(kind === 'table'
        ? [
            {
              what: `${name} is unlogged`,
              statement: `alter table sealog.${name} set unlogged`,
              seen: `table ${name} is unlogged`,
            },
            {
              what: `${name} has row security`,
              statement: `alter table sealog.${name} enable row level security`,
              seen: `row security of table ${name} is on`,
              left: { why: 'somebody switched it on', undo: `alter table sealog.${name} disable row level security` },
            },
            {
              what: `${name} has a policy`,
              statement: `create policy hide on sealog.${name} using (false)`,
              seen: `policy hide on ${name} is not sealog's`,
              left: { why: 'somebody added it', undo: `drop policy hide on sealog.${name}` },
            },
            {
              what: `${name} has a rewrite rule`,
              statement: `create rule nothing as on delete to sealog.${name} do instead nothing`,
              seen: `rule nothing on ${name} is not sealog's`,
              left: { why: 'somebody added it', undo: `drop rule nothing on sealog.${name}` },
            },
            {
              what: `${name} has another trigger`,
              statement: `create trigger other before insert on sealog.${name} for each row execute function suppress_redundant_updates_trigger()`,
              seen: `trigger other on ${name} is not sealog's`,
              left: {
                why: `to undo it: drop trigger "other" on "sealog"."${name}"`,
                undo: `drop trigger other on sealog.${name}`,
              },
            },
          ]
        : []),
      ...(kind === 'sequence'
        ? [
            {
              what: `${name} counts in a circle`,
              statement: `alter sequence sealog.${name} maxvalue 9000000000000000 cycle`,
              seen: `sequence ${name} is not as migrated`,
            },
          ]
        : []),
    ]),
    {
      what: 'the schema belongs to another role',
      statement: `alter schema sealog owner to ${stranger}`,
      seen: `schema of the audit log is owned by ${stranger}`,
    },
    ...ADDED,
    {
      what: 'triggers do not fire for one role, in capitals',
      statement: `alter role ${stranger} in database ${database} set session_replication_role to 'REPLICA'`,
      seen: `setting session_replication_role of role ${stranger} in database ${database} is replica`,
      left: {
        why: 'it switches every trigger off',
        undo: `alter role ${stranger} in database ${database} reset session_replication_role`,
      },
    },
    {
      what: 'triggers do not fire for one role',
      statement: `alter role ${stranger} set session_replication_role to replica`,
      seen: `setting session_replication_role of role ${stranger} is replica`,
      left: { why: 'it switches every trigger off', undo: `alter role ${stranger} reset session_replication_role` },
    },
    {
      what: 'triggers do not fire in this database',
      statement: `alter database ${database} set session_replication_role to replica`,
      seen: `setting session_replication_role in database ${database} is replica`,
      left: { why: 'it switches every trigger off', undo: `alter database ${database} reset session_replication_role` },
    },
  ];
}

/** What PostgreSQL prefers to its own or to ours, because its arguments fit better. */
const ADDED: readonly Break[] = [
  {
    what: 'an operator takes the place of the comparison of what was begun',
    statement: `create function public.same(sealog.audit_log, sealog.audit_log) returns boolean language sql return false;
      create operator sealog.*<> (leftarg = sealog.audit_log, rightarg = sealog.audit_log, function = public.same)`,
    seen: "operator *<>(audit_log,audit_log) is not sealog's",
    left: {
      why: 'to undo it: drop operator "sealog".*<>(audit_log,audit_log)',
      undo: 'drop function public.same cascade',
    },
  },
  {
    what: 'a function takes the place of a built-in one',
    statement: `create function sealog.pg_sequence_last_value(text) returns bigint language sql return 0`,
    seen: "function pg_sequence_last_value(text) is not sealog's",
    left: { why: 'somebody added it', undo: 'drop function sealog.pg_sequence_last_value(text)' },
  },
  {
    what: 'an aggregate takes the place of what refuses',
    statement: `create aggregate sealog.audit_log_refuse(text, text) (sfunc = replace, stype = text)`,
    seen: "aggregate audit_log_refuse(text,text) is not sealog's",
    left: {
      why: 'to undo it: drop aggregate "sealog".audit_log_refuse(text,text)',
      undo: 'drop aggregate sealog.audit_log_refuse(text, text)',
    },
  },
];

function otherBody(definition: string, type: string): string {
  return /\nRETURN /.test(definition)
    ? definition.replace(/\nRETURN [\s\S]*$/, `\nRETURN null::${type}`)
    : definition.replace(/\bbegin\b/, 'begin perform null;');
}

function short(name: string): string {
  return name.replaceAll('sealog.', '');
}
