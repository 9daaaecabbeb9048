import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { documentedBlocks } from '../support/documentation/blocks.ts';
import { type DocumentedFleet, startDocumentedFleet } from '../support/documentation/fleet.ts';
import { reasonNotToRun } from '../support/documentation/not-run.ts';
import { openReader, type Reader } from '../support/documentation/reader.ts';

const root = new URL('../../', import.meta.url);
const blocks = await documentedBlocks(root);
const runnable = blocks.filter((block) => block.language === 'sh' && reasonNotToRun(block) === undefined);
/** Without those whose lines another one, or an earlier one of the same text, runs too. */
const shell = runnable.filter(
  (block, index) =>
    !runnable.some((other, at) => {
      const isContained = other.text !== block.text && `\n${other.text}`.includes(`\n${block.text}`);
      return block.result === null && (isContained || (other.text === block.text && at < index));
    }),
);

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

test.each(shell.map((block) => [block.place, block] as const))('the shell runs %s', async (_, block) => {
  const output = await reader.run(block);
  for (const label of labelsOf(block.result)) expect(output).toContain(label);
});

/** The words that begin the lines of a result, before a gap: they are there whatever the values are. */
function labelsOf(result: string | null): string[] {
  return [...(result ?? '').matchAll(/^ *([a-z][a-z ]*?)(?: {2,}|$)/gm)].map(([, label = '']) => label);
}
