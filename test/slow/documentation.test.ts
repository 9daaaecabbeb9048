import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { documentedBlocks } from '../support/documentation/blocks.ts';
import { type DocumentedFleet, startDocumentedFleet } from '../support/documentation/fleet.ts';
import { NOT_RUN, reasonNotToRun } from '../support/documentation/not-run.ts';
import { openReader, type Reader } from '../support/documentation/reader.ts';
import { type Answer, runSql, shownAnswer } from '../support/documentation/sql.ts';

const root = new URL('../../', import.meta.url);
const blocks = await documentedBlocks(root);
const sql = Map.groupBy(
  blocks.filter(({ language }) => language === 'sql'),
  ({ file }) => file,
);
const runnable = blocks.filter((block) => block.language === 'sh' && reasonNotToRun(block) === undefined);
/** Without those whose lines another one, or an earlier one of the same text, runs too. */
const shell = runnable.filter(
  (block, index) =>
    !runnable.some((other, at) => {
      const isContained = other.text !== block.text && `\n${other.text}`.includes(`\n${block.text}`);
      return block.result === null && (isContained || (other.text === block.text && at < index));
    }),
);

/** Who asks: the role that the document itself makes for that. */
const ROLES: Readonly<Record<string, string>> = { 'docs/monitoring.md': 'on_call' };
/** Queries that may find nothing in the documented fleet: all others must, for none would tell a broken one. */
const MAY_BE_EMPTY = ["state in ('created', 'retry', 'active')", 'from pgboss.warning'];

let fleet: DocumentedFleet;
let reader: Reader;
beforeAll(async () => {
  fleet = await startDocumentedFleet();
  reader = await openReader(root, fleet);
});
afterAll(async () => {
  await reader?.[Symbol.asyncDispose]();
  await fleet?.[Symbol.asyncDispose]();
});

describe('SQL', () => {
  test.each([...sql.keys()])('of %s runs, and answers what it shows', async (file) => {
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
});

describe('the shell', () => {
  test.each(shell.map((block) => [block.place, block] as const))('runs %s', async (_, block) => {
    const output = await reader.run(block);
    for (const label of labelsOf(block.result)) expect(output).toContain(label);
  });
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

/** The words that begin the lines of a result, before a gap: they are there whatever the values are. */
function labelsOf(result: string | null): string[] {
  return [...(result ?? '').matchAll(/^ *([a-z][a-z ]*?)(?: {2,}|$)/gm)].map(([, label = '']) => label);
}
