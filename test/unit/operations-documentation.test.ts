import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { JOBS } from '../../src/jobs/jobs.ts';
import { QUEUE_TABLES } from '../../src/worker/queue-grants.ts';

const root = new URL('../../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, root), 'utf8');
const page = read('docs/operations.md');

/** What the first column of the table under a heading names in backticks. */
function namedUnder(heading: string): string[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const rows = section.split('\n## ')[0]!.matchAll(/^\| (`[^|]*)\|/gm);
  return [...rows]
    .flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
    .filter((name) => !['code', 'event'].includes(name));
}

test('the table of errors has every code, and no other', () => {
  const source = globSync('src/**/*.ts', { cwd: fileURLToPath(root) })
    .map(read)
    .join('\n');
  const codes = [...source.matchAll(/\bcode = '(SEALOG_\w+)'/g)].map(([, code]) => code!);
  // The demo prints its own, and nobody runs it in production.
  expect(namedUnder('Errors').toSorted()).toEqual(codes.filter((code) => code !== 'SEALOG_DEMO').toSorted());
});

test('the table of log lines has the name of every event in full, and no other', () => {
  const source = ['src/events.ts', 'src/worker/events.ts'].map(read).join('\n');
  const names = [...source.matchAll(/\bevent: (['`])(.+?)\1/g)].flatMap(([, , name = '']) =>
    JOBS.map((job) => name.replace('${job}', job.name)),
  );
  expect(new Set(namedUnder('Log lines'))).toEqual(new Set(names));
});

test('the table of rights has every table of pg-boss that a worker may use, with the reason, and no other', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (?:select|insert)[^|]*\| ([^|]*?) *\|$/gm)];
  expect(Object.fromEntries(rows.map(([, table, why]) => [table, why]))).toEqual(
    Object.fromEntries(QUEUE_TABLES.map(({ table, why }) => [table, why])),
  );
});
