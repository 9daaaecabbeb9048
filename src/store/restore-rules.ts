import { sql } from 'kysely';
import type { AuditLogDatabase } from './database.ts';
import { describeRule, readRuleDifferences, type RuleDifference } from './migrated-rules.ts';
import { reasonOf } from './when-ready.ts';

export interface RestoredRules {
  /** What was wrong, a sentence each. */
  readonly restored: readonly string[];
  /** What is still wrong, and why. */
  readonly left: readonly string[];
}

/** A rule may need another one first, a trigger its function: what failed is tried again while anything changes. */
const MOST_PASSES = 5;

/**
 * Puts back what is not as it was migrated, each rule in a transaction of its own. Nothing that somebody added is removed.
 * Writers wait for four seconds at most, once for each rule: what takes longer is undone and left. To be run by the owner,
 * after `migrate`. Throws {@link StoreError} when the rules cannot be compared.
 */
export async function restoreRules(database: AuditLogDatabase): Promise<RestoredRules> {
  const seen = new Map<string, RuleDifference>();
  const reasons = new Map<string, string>();
  let differences = await readRuleDifferences(database);
  for (let pass = 1; differences.length > 0 && pass <= MOST_PASSES; pass++) {
    for (const difference of differences) {
      if (!seen.has(keyOf(difference))) seen.set(keyOf(difference), difference);
      reasons.set(keyOf(difference), (await reasonAgainst(database, difference)) ?? 'it was put back, and is off again');
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
async function reasonAgainst(database: AuditLogDatabase, difference: RuleDifference): Promise<string | undefined> {
  const { run, reason } = restoring(difference, database.schema);
  if (run === undefined) return reason;
  try {
    for (const statements of run) await runInSchema(database, statements);
    return undefined;
  } catch (error) {
    const { code, detail } = error as { code?: string; detail?: string };
    const rows = code === '23514' ? await rowsAgainst(database, difference) : detail;
    const tried = run.flat().map((statement) => statement.split('\n')[0]);
    return `${reasonOf(error)}${rows ? ` (${rows})` : ''}; tried: ${tried.join('; ')}`;
  }
}

async function runInSchema({ db, schema }: AuditLogDatabase, statements: readonly string[]): Promise<void> {
  // Validating keeps nobody waiting. Whatever else takes longer than this would have services refuse what they are asked.
  const limit = statements.some((statement) => statement.includes(' validate constraint ')) ? '60s' : '4s';
  await db.transaction().execute(async (trx) => {
    await sql`
      select set_config('search_path', ${`"${schema}", pg_temp`}, true), set_config('statement_timeout', ${limit}, true),
             set_config('lock_timeout', '0', true), set_config('check_function_bodies', 'off', true)`.execute(trx);
    for (const statement of statements) await sql.raw(statement).execute(trx);
  });
}

/** The first rows that a CHECK forbids, by their ids. */
async function rowsAgainst({ db, schema }: AuditLogDatabase, { relation, expected }: RuleDifference): Promise<string> {
  const condition = expected!.replace(/^CHECK /, '').replace(/ NO INHERIT$/, '');
  return await db.transaction().execute(async (trx) => {
    await sql`select set_config('search_path', ${`"${schema}", pg_temp`}, true)`.execute(trx);
    const { rows } = await sql<{ id: string }>`
      select coalesce(to_jsonb(broken)->>'id', broken.ctid::text) as id
        from only ${sql.id(schema, relation)} as broken where not ${sql.raw(condition)} limit 3`.execute(trx);
    return `broken by ${rows.map(({ id }) => id).join(', ')}`;
  });
}

/** The statements that put a rule back, a transaction each, or why that is left to people. */
interface Plan {
  readonly run?: readonly (readonly string[])[];
  readonly reason?: string;
}

function restoring({ kind, name, relation, expected, actual, owner }: RuleDifference, schema: string): Plan {
  const [object, table] = [quoted(name), quoted(relation)];
  const run = (...statements: readonly (string | false)[]): Plan => ({ run: [statements.filter((each) => each !== false)] });
  const byHand = (why: string, statement: string): Plan => ({ reason: `${why}; to undo it: ${statement}` });
  const added = (statement: string) => byHand('somebody added it', statement);
  const on = `on ${quoted(schema)}.${table}`;
  switch (kind) {
    case 'trigger':
      if (expected === null) return added(`drop trigger ${object} ${on}`);
      return run(actual !== null && `drop trigger ${object} on ${table}`, expected);
    case 'trigger state':
      return run(`alter table ${table} ${FIRING[expected ?? ''] ?? 'enable'} trigger ${object}`);
    case 'function':
      if (expected === null) return added(`drop function ${quoted(schema)}.${name}`);
      return run(expected, actual === null && revokeUnlessMigrated(name));
    case 'function right':
      return run(`revoke execute on function ${name} from public`);
    case 'constraint': {
      const validate = [`alter table ${table} validate constraint ${object}`];
      if (actual === `${expected} NOT VALID`) return { run: [validate] };
      const drop = actual === null ? [] : [`alter table ${table} drop constraint ${object}`];
      const add = `alter table ${table} add constraint ${object} ${expected}`;
      if (!/^(?:CHECK|FOREIGN KEY) /.test(expected!)) return { run: [[...drop, add]] };
      return { run: [[...drop, `${add} not valid`], validate] };
    }
    case 'key':
      return run(actual !== null && `drop index ${name}`, expected!);
    case 'key state':
      return run(`reindex index ${name}`);
    case 'view':
      return run(expected!);
    case 'sequence':
      if (actual !== null) return run(`alter sequence ${object} ${expected}`);
      break;
    case 'default of column':
      return run(`alter table ${table} alter column ${object} ${expected === null ? 'drop default' : `set default ${expected}`}`);
    case 'not-null rule of column':
      return run(`alter table ${table} alter column ${object} set not null`);
    case 'table state':
    case 'sequence state':
      return run(`alter ${kind.split(' ')[0]} ${object} set logged`);
    case 'table owner':
    case 'view owner':
    case 'sequence owner':
      return run(`alter ${kind.split(' ')[0]} ${object} owner to ${owner}`);
    case 'function owner':
      return run(`alter function ${name} owner to ${owner}`);
    case 'policy':
    case 'rule':
      return added(`drop ${kind} ${object} ${on}`);
    case 'row security of table state':
      return byHand('somebody switched it on', `alter table ${quoted(schema)}.${object} disable row level security`);
    case 'constraint state':
      return byHand('this takes a superuser', `alter table ${quoted(schema)}.${table} enable trigger all`);
    case 'setting state':
      return byHand('it switches every trigger off', 'reset it for that role, database or server');
  }
  return { reason: 'this cannot be made anew without what was in it: restore the database' };
}

const FIRING: Readonly<Record<string, string>> = {
  'enabled always': 'enable always',
  'enabled for replicas only': 'enable replica',
  disabled: 'disable',
};

/** What is made anew may be executed by everybody, until that is taken away in the same transaction. */
function revokeUnlessMigrated(name: string): string {
  const literal = `'${name.replaceAll("'", "''")}'`;
  return `do $do$ begin
    if not exists (select from migrated_rule where kind = 'function right' and name = ${literal}) then
      revoke execute on function ${name} from public;
    end if;
  end $do$`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
