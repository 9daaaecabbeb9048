import pg from 'pg';
import type { Block } from './blocks.ts';

/** What a block answered last, in psql's words: names of its columns, and the values of each row. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * Runs the blocks of one document one after another, as psql would, and undoes everything at the end. What the document
 * grants to a role it is given; `role` is who asks, where that is not the owner.
 */
export async function runSql(
  url: string,
  blocks: readonly Block[],
  role?: string,
): Promise<Map<Block, Answer | Error>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const answers = new Map<Block, Answer | Error>();
  try {
    await client.query('begin');
    for (const block of blocks) {
      await client.query('savepoint block');
      try {
        answers.set(block, await runBlock(client, block, role));
      } catch (error) {
        await client.query('rollback to block');
        answers.set(block, error as Error);
      }
      await client.query('reset role');
    }
  } finally {
    // Its roles belong to the whole server.
    await client.query('rollback').finally(() => client.end());
  }
  return answers;
}

/** As psql has it, all digits kept. */
const TEXT = { getTypeParser: () => (value: unknown) => value } as unknown as pg.CustomTypesConfig;

// A statement ends with a semicolon, or with psql's word for keeping its row in variables.
const STATEMENT = /([^]+?)(;|\\gset)[^\S\n]*(?:--.*)?$/gm;

async function runBlock(client: pg.Client, { text }: Block, role: string | undefined): Promise<Answer> {
  const variables = new Map<string, string>();
  let answer: Answer = { columns: [], rows: [] };
  for (const [, statement = '', end] of text.matchAll(STATEMENT)) {
    const bare = statement.replace(/^\s*--.*$/gm, '').trim();
    const [, grantee] = /^grant[^]*\bto (\w+)$/.exec(bare) ?? [];
    if (grantee) await ensureRole(client, grantee);
    if (role && /^(?:select|with)\b/.test(bare)) await client.query(`set local role ${role}`);
    const sql = bare.replace(/:'(\w+)'/g, (_, name: string) => pg.escapeLiteral(variables.get(name) ?? ''));
    const { fields, rows } = await client.query<(string | null)[]>({ text: sql, rowMode: 'array', types: TEXT });
    if (end === '\\gset') for (const [index, { name }] of fields.entries()) variables.set(name, rows[0]?.[index] ?? '');
    answer = { columns: fields.map(({ name }) => name), rows: rows.map((row) => row.map((value) => value ?? '')) };
  }
  return answer;
}

async function ensureRole(client: pg.Client, role: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
  if (rowCount === 0) await client.query(`create role ${role}`);
}

/** What a result in a document shows, when it is a table as psql prints it. */
export function shownAnswer(result: string): Answer | null {
  const [head = '', rule = '', ...lines] = result.trimEnd().split('\n');
  if (!/^[-+]+$/.test(rule)) return null;
  const rows = lines.filter((line) => !/^\(\d+ rows?\)$/.test(line));
  return { columns: cellsOf(head), rows: rows.map(cellsOf) };
}

function cellsOf(line: string): string[] {
  return line.split('|').map((cell) => cell.trim());
}
