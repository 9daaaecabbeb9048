import { sql, type Transaction } from 'kysely';
import type { AuditLogDatabase } from './database.ts';
import { describeRule, readRuleDifferences, type RuleDifference } from './migrated-rules.ts';
import { identifier, literal } from './quoting.ts';
import type { Tables } from './tables.ts';
import { reasonOf } from './when-ready.ts';

export interface RestoredRules {
  /** What was wrong, a sentence each. */
  readonly restored: readonly string[];
  /** What is still wrong, and why. */
  readonly left: readonly string[];
}

/** A rule may need another one first, a trigger its function: what failed is tried again while anything changes. */
const MOST_PASSES = 5;

/** How long writers may have to wait for one rule, in milliseconds: less than a service waits for its entry. */
const HOLD_MS = 1500;
/** Validating a constraint keeps nobody waiting. */
const VALIDATE_MS = 60_000;

/**
 * Puts back what is not as it was migrated, each rule in a transaction of its own. Nothing that somebody added is removed.
 * Writers wait for `holdMs` at most, once for each rule: what takes longer is undone and left. To be run by the owner, after
 * `migrate`. Throws {@link StoreError} when the rules cannot be compared.
 */
export async function restoreRules(database: AuditLogDatabase, holdMs: number = HOLD_MS): Promise<RestoredRules> {
  const seen = new Map<string, RuleDifference>();
  const reasons = new Map<string, string>();
  let differences = await readRuleDifferences(database);
  for (let pass = 1; differences.length > 0 && pass <= MOST_PASSES; pass++) {
    for (const difference of differences) {
      if (!seen.has(keyOf(difference))) seen.set(keyOf(difference), difference);
      reasons.set(
        keyOf(difference),
        (await reasonAgainst(database, difference, holdMs)) ?? 'it was put back, and is off again',
      );
    }
    const before = JSON.stringify(differences);
    differences = await readRuleDifferences(database);
    if (JSON.stringify(differences) === before) break;
  }
  const left = differences.map((each) => `${describeRule(each)}: ${reasons.get(keyOf(each))}`);
  for (const difference of differences) seen.delete(keyOf(difference));
  return { restored: [...seen.values()].map((each) => restoredSentence(each)), left };
}

function keyOf({ kind, name, relation }: RuleDifference): string {
  return JSON.stringify([kind, name, relation]);
}

function restoredSentence(difference: RuleDifference): string {
  const isMadeAnew = difference.actual === null && ['function', 'view'].includes(difference.kind);
  const note = '; what was granted on it is gone: run what `sealog grants` prints';
  return `${describeRule(difference, 'was')}${isMadeAnew ? note : ''}`;
}

/** Puts one rule back, or answers why not. */
async function reasonAgainst(
  database: AuditLogDatabase,
  difference: RuleDifference,
  holdMs: number,
): Promise<string | undefined> {
  const plan = planFor(difference, database.schema);
  if (typeof plan === 'string') return plan;
  try {
    for (const statement of plan) {
      // Validating keeps nobody waiting.
      const limitMs = statement.includes(' validate constraint ') ? VALIDATE_MS : holdMs;
      await inSchema(database, limitMs, async (trx) => sql.raw(statement).execute(trx));
    }
    return undefined;
  } catch (error) {
    const { code, detail } = error as { code?: string; detail?: string };
    const rows = code === '23514' ? await rowsAgainst(database, difference) : detail;
    const tried = plan.map((statement) => statement.split('\n')[0]).join('; ');
    return `${reasonOf(error)}${rows ? ` (${rows})` : ''}; tried: ${tried}`;
  }
}

/** A transaction in which no schema needs to be named, as for the migrations. */
async function inSchema<T>(
  { db, schema }: AuditLogDatabase,
  limitMs: number,
  action: (trx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  return await db.transaction().execute(async (trx) => {
    await sql`
      select set_config('search_path', ${`"${schema}", pg_temp`}, true), set_config('check_function_bodies', 'off', true),
             set_config('statement_timeout', ${String(limitMs)}, true), set_config('lock_timeout', '0', true)`.execute(
      trx,
    );
    return await action(trx);
  });
}

/** The first rows that a CHECK forbids, by their ids. */
async function rowsAgainst(database: AuditLogDatabase, { relation, expected }: RuleDifference): Promise<string> {
  const condition = expected!.replace(/^CHECK /, '').replace(/ NO INHERIT$/, '');
  const { rows } = await inSchema(database, VALIDATE_MS, async (trx) =>
    sql<{ id: string }>`
      select coalesce(to_jsonb(broken)->>'id', broken.ctid::text) as id
        from only ${sql.id(relation)} as broken where not ${sql.raw(condition)} limit 3`.execute(trx),
  );
  return `broken by ${rows.map(({ id }) => id).join(', ')}`;
}

/** The statements that put a rule back, a transaction each, or why that is left to people. */
function planFor({ kind, name, relation, expected, actual, owner }: RuleDifference, schema: string): string[] | string {
  const [object, table] = [identifier(name), identifier(relation)];
  const alter = `alter table ${table}`;
  const here = `${identifier(schema)}.`;
  const [thing = ''] = kind.split(' ');
  const passedOn = kind.endsWith(' right') && actual?.split(', granted by ')[1];
  if (passedOn) return `to undo it, revoke it from ${passedOn}, which passed it on, and add \`cascade\``;
  const drop = (statement: string) => (actual === null ? '' : `${statement}; `);
  switch (kind) {
    case 'trigger':
    case 'policy':
    case 'rule':
      if (expected === null) return `somebody added it; to undo it: drop ${kind} ${object} on ${here}${table}`;
      return [`${drop(`drop ${kind} ${object} on ${table}`)}${expected}`];
    case 'trigger state':
      return [`${alter} ${FIRING[expected ?? ''] ?? 'enable'} trigger ${object}`];
    case 'function':
      if (expected === null) return `somebody added it; to undo it: drop function ${here}${name}`;
      return [actual === null ? `${expected}; ${revokeUnlessMigrated(name)}` : expected];
    case 'aggregate':
    case 'operator':
      return `somebody added it; to undo it: drop ${kind} ${here}${name}`;
    case 'function right':
      return [`revoke execute on function ${name} from public`];
    case 'table right':
    case 'view right':
      return [`revoke all on ${object} from public`];
    case 'sequence right':
      return [`revoke all on sequence ${object} from public`];
    case 'schema right':
      return `what they create there can run as its owner; to undo it: revoke create on schema ${identifier(schema)} from each of them`;
    case 'schema owner':
      return [`alter schema ${identifier(schema)} owner to ${owner}`];
    case 'constraint': {
      const validate = `${alter} validate constraint ${object}`;
      if (actual === `${expected} NOT VALID`) return [validate];
      const add = `${drop(`${alter} drop constraint ${object}`)}${alter} add constraint ${object} ${expected}`;
      return /^(?:CHECK|FOREIGN KEY) /.test(expected!) ? [`${add} not valid`, validate] : [add];
    }
    case 'key':
      return [`${drop(`drop index ${name}`)}${expected}`];
    case 'key state':
      return [`reindex index ${name}`];
    case 'view':
      return [expected!];
    case 'default of column':
      return [`${alter} alter column ${object} ${expected === null ? 'drop default' : `set default ${expected}`}`];
    case 'not-null rule of column':
      return [`${alter} alter column ${object} set not null`];
    case 'table state':
    case 'sequence state':
      return [`alter ${thing} ${object} set logged`];
    case 'table owner':
    case 'view owner':
    case 'sequence owner':
    case 'function owner':
      return [`alter ${thing} ${thing === 'function' ? name : object} owner to ${owner}`];
    case 'row security of table state':
      return `somebody switched it on; to undo it: alter table ${here}${object} disable row level security`;
    case 'constraint state':
      return `this takes a superuser: alter table ${here}${table} enable trigger all`;
    case 'setting state':
      return 'it switches every trigger off: reset it for that role, database or server';
  }
  if (kind === 'sequence' && actual !== null) return [`alter sequence ${object} ${expected}`];
  return 'it cannot be made anew without what was in it: restore the database';
}

const FIRING: Readonly<Record<string, string>> = {
  'enabled always': 'enable always',
  'enabled for replicas only': 'enable replica',
  disabled: 'disable',
};

/** What is made anew may be executed by everybody, until that is taken away in the same transaction. */
function revokeUnlessMigrated(name: string): string {
  return `do $do$ begin
    if not exists (select from migrated_rule where kind = 'function right' and name = ${literal(name)}) then
      revoke execute on function ${name} from public;
    end if;
  end $do$`;
}
