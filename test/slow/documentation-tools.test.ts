import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { documentedBlocks } from '../support/documentation/blocks.ts';
import { type DocumentedFleet, startDocumentedFleet } from '../support/documentation/fleet.ts';
import { openReader, type Reader } from '../support/documentation/reader.ts';

const root = new URL('../../', import.meta.url);
const blocks = (await documentedBlocks(root)).filter(
  ({ language, text }) => language === 'sh' && /\bpsql\b/.test(text) && !text.includes('kubectl'),
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

test.each(blocks.map((block) => [block.place, block] as const))('psql: %s', async (_, block) => {
  expect(await reader.run(block)).toMatch(/^\(\d+ rows?\)$/m);
});
