import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { documentedBlocks } from '../support/documentation/blocks.ts';
import { type DocumentedFleet, startDocumentedFleet } from '../support/documentation/fleet.ts';
import { NOT_RUN } from '../support/documentation/not-run.ts';
import { type Answer, runSql, shownAnswer } from '../support/documentation/sql.ts';

const blocks = await documentedBlocks(new URL('../../', import.meta.url));
const sql = Map.groupBy(
  blocks.filter(({ language }) => language === 'sql'),
  ({ file }) => file,
);

/** Who asks: the role that the document itself makes for that. */
const ROLES: Readonly<Record<string, string>> = { 'docs/monitoring.md': 'on_call' };
/** Queries that may find nothing in the documented fleet: all others must, for none would tell a broken one. */
const MAY_BE_EMPTY = ["state in ('created', 'retry', 'active')", 'from pgboss.warning'];

let fleet: DocumentedFleet;
beforeAll(async () => void (fleet = await startDocumentedFleet()));
afterAll(async () => await fleet?.[Symbol.asyncDispose]());

test.each([...sql.keys()])('the SQL of %s runs, and answers what it shows', async (file) => {
  const answers = await runSql(fleet.url, sql.get(file) ?? [], ROLES[file]);
  const wrong = [...answers].flatMap(([block, answer]) => {
    if (answer instanceof Error) return `${block.place}: ${answer.message}`;
    const asks = answer.columns.length > 0 && !MAY_BE_EMPTY.some((text) => block.text.includes(text));
    if (asks && answer.rows.length === 0) return `${block.place}: finds nothing`;
    const shown = block.result === null ? null : shownAnswer(block.result);
    if (!shown) return [];
    const [expected, got] = [shown, answer].map((table) => linesOf(table, isConstant(shown)));
    return expected === got ? [] : `${block.place}: shows\n${expected}\nand gets\n${got}`;
  });
  expect(wrong).toEqual([]);
});

test('what cannot be run here is listed with its reason, and nothing else is', () => {
  expect(
    NOT_RUN.filter(({ text }) => !blocks.some((block) => block.language === 'sh' && block.text.includes(text))),
  ).toEqual([]);
  // These would be overlooked.
  expect(blocks.filter(({ language }) => /^(?:bash|shell|console|psql|postgres)/.test(language))).toEqual([]);
});

/** Times, ages, ids and counts differ from run to run; a result without a digit is the same each time. */
function isConstant({ rows }: Answer): boolean {
  return rows.length > 0 && !rows.flat().some((value) => /\d/.test(value));
}

function linesOf({ columns, rows }: Answer, withRows: boolean): string {
  return [columns, ...(withRows ? rows : [])].map((cells) => cells.join(' | ')).join('\n');
}
