/** What the migrations made, as they are recorded in `migrated_rule`, and how the schema differs from it. */
import { randomBytes } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { catalogRules, isOfDefaults, isState, type Rule, schemaOwner } from './catalog-rules.ts';
import type { AuditLogDatabase } from './database.ts';
import { asStoreError, StoreError } from './errors.ts';
import { sqlMigrations } from './migrations.ts';
import { readCatalog } from './read-catalog.ts';
import type { Tables } from './tables.ts';

/**
 * Records what the migrations of a folder make on this server: they are run in a schema of its own, which is undone. So
 * nothing that was done to the audit log's schema, that table included, can pass for migrated. Takes the right to create
 * a schema in the database. Throws {@link StoreError}.
 */
export async function recordMigratedRules({ db, schema }: AuditLogDatabase, folder: URL): Promise<void> {
  const table = sql.id(schema, 'migrated_rule');
  await asStoreError('read the rules of the migrations from a schema that is made for it and undone', async () =>
    db.transaction().execute(async (trx) => {
      // Another process that migrates at the same time waits here, for as long as it takes.
      await sql`select set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`.execute(trx);
      await sql`lock table ${table} in share row exclusive mode`.execute(trx);
      const rules = JSON.stringify(await rulesOfMigrations(trx, folder));
      const columns = sql.raw('kind, name, relation, definition');
      const given = sql`
        select ${columns} from jsonb_to_recordset(${rules}::jsonb) as given (kind text, name text, relation text, definition text)`;
      // Neither needs the primary key, which is one of the rules that may be off.
      await sql`delete from ${table} where (${columns}) not in (${given})`.execute(trx);
      await sql`insert into ${table} (${columns}) ${given} except select ${columns} from ${table}`.execute(trx);
    }),
  );
}

async function rulesOfMigrations(trx: Transaction<Tables>, folder: URL): Promise<readonly Rule[]> {
  const scratch = `sealog_rules_${randomBytes(6).toString('hex')}`;
  await sql`savepoint before_scratch`.execute(trx);
  // Whatever its default privileges are by now: the migrations tell what PUBLIC may not execute.
  await sql`alter default privileges grant execute on functions to public`.execute(trx);
  await sql`create schema ${sql.id(scratch)}`.execute(trx);
  const migrations = await sqlMigrations(folder, scratch).getMigrations();
  for (const name of Object.keys(migrations).toSorted()) await migrations[name]!.up(trx);
  const rules = await readCatalog(trx, scratch, catalogRules(scratch));
  await sql`rollback to savepoint before_scratch`.execute(trx);
  return rules.filter(({ kind }) => !isOfDefaults(kind));
}

/** A rule that is not as it was migrated. */
export interface RuleDifference extends Omit<Rule, 'definition'> {
  /** As migrated; null for what no migration made. */
  readonly expected: string | null;
  /** As the catalog has it now; null when it is missing. */
  readonly actual: string | null;
  /** The role that owns most of the schema, quoted for SQL. */
  readonly owner: string;
}

/**
 * Compares the schema with what was recorded. Needs the right to select from `migrated_rule`, and some ten milliseconds.
 * Throws {@link StoreError}.
 *
 * What somebody added counts where it can change what is written or who sees it: triggers, policies, rewrite rules, and all
 * functions, aggregates and operators, which may be called in the place of ours or of PostgreSQL's own. Constraints and
 * indexes do not: they can only refuse, and the refused statement says so. A right that PUBLIC has lost does not either.
 */
export async function readRuleDifferences({ db, schema }: AuditLogDatabase): Promise<readonly RuleDifference[]> {
  const differences = await asStoreError('compare the rules with the migrations', async () =>
    db.transaction().execute(async (trx) => readCatalog(trx, schema, comparison(schema))),
  );
  // What belonged to a table that is missing is missing with it.
  const isGone = ({ kind, actual }: RuleDifference) => kind === 'table' && actual === null;
  const gone = new Set(differences.filter(isGone).map(({ name }) => name));
  return differences.filter(({ relation }) => !gone.has(relation));
}

// Majors of PostgreSQL differ in whether they print the table before a column. The tables of a view are in its FROM, and
// those of other schemas are listed behind it.
const compared = (definition: string) =>
  sql`case kind when 'view' then regexp_replace(${sql.ref(definition)}, '[a-z_"][a-z0-9_"]*[.]', '', 'g')
                else ${sql.ref(definition)} end`;

function comparison(schema: string) {
  const migrated = sql.id(schema, 'migrated_rule');
  const known = sql`select name from ${migrated} where kind in ('table', 'view', 'sequence')`;
  return sql<RuleDifference>`
    with now as (${catalogRules(schema, known)}),
    differences as (
    select kind, name, relation, migrated.definition as expected, now.definition as actual,
           (${schemaOwner(schema, known)})::regrole::text as owner
      from now full join ${migrated} as migrated using (kind, name, relation)
     where ${compared('now.definition')} is distinct from ${compared('migrated.definition')}
       and case
             when now.definition is null then kind !~ ' right$'
             when migrated.definition is not null or kind in ('setting state', 'schema right') then true
             when not exists (select from ${migrated}) then false
             when kind = 'schema owner' then true
             when kind in ('trigger', 'policy', 'rule', 'row security of table state')
               then relation in (select name from ${migrated} where kind in ('table', 'view'))
             -- What the view of activations is made of comes with the queue.
             when kind in ('function', 'aggregate', 'operator') then name <> 'activations()'
             when kind = 'default of column' then ('column', name, relation) in (select kind, name, relation from ${migrated})
             when kind ~ ' (state|owner|right)$'
               then (split_part(kind, ' ', 1), name, relation) in (select kind, name, relation from ${migrated})
             else false
           end
    union all
    select 'record', 'of the rules', '', '', null, '' where not exists (select from ${migrated})
    )
    select * from differences
     order by expected is null and kind in ('function', 'aggregate', 'operator') desc, kind, relation, name`;
}

/** A difference as a sentence: `trigger audit_log_delete on audit_log is disabled`. */
export function describeRule(difference: RuleDifference, verb: 'is' | 'was' = 'is'): string {
  const { kind, name, relation, expected, actual } = difference;
  const where = relation === '' || relation === name ? '' : ` on ${relation}`;
  const subject = `${kind.replace(/ (?:state|owner|right)$/, '')} ${name}${where} ${verb}`;
  if (isState(kind)) return `${subject} ${actual ?? `not ${expected}`}`;
  if (expected === null) return `${subject} not sealog's`;
  if (actual === null) return `${subject} missing`;
  return `${subject} ${actual === `${expected} NOT VALID` ? 'not valid' : 'not as migrated'}`;
}

/** Whether all rules are as they were migrated, for people. */
export interface RulesState {
  /** A sentence for each that is not. */
  readonly off: readonly string[];
  /** Why that is not known: null but for a role that may not select from `migrated_rule`. */
  readonly unread: string | null;
}

/** {@link readRuleDifferences} in sentences. */
export async function readRulesState(database: AuditLogDatabase): Promise<RulesState> {
  try {
    const differences = await readRuleDifferences(database);
    return { off: differences.map((each) => describeRule(each)), unread: null };
  } catch (error) {
    if (!(error instanceof StoreError && error.sqlState === '42501')) throw error;
    return { off: [], unread: `${error.message}; run what \`sealog grants\` prints` };
  }
}
