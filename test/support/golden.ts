import { readFile, writeFile } from 'node:fs/promises';
import { expect } from '@jest/globals';

/**
 * Compares text with `test/e2e/golden/<name>.txt`. `UPDATE_GOLDEN=1` writes that file instead; what it changed is then
 * to be read, in the diff. Volatile values are replaced before: {@link withPlaceholders}.
 */
export async function checkGolden(name: string, text: string): Promise<void> {
  const file = new URL(`../e2e/golden/${name}.txt`, import.meta.url);
  const actual = text.endsWith('\n') ? text : `${text}\n`;
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, actual);
  const golden = await readFile(file, 'utf8').catch(() => {
    throw new Error(`there is no golden file ${name}.txt yet: UPDATE_GOLDEN=1 npm test -- <this test> writes it`);
  });
  expect(actual).toBe(golden);
}

export type Placeholder = readonly [RegExp, string];

export const UUIDS: Placeholder = [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>'];

const PLACEHOLDERS: readonly Placeholder[] = [
  [/(?<=Z, )\d s(?= ago)|(?<=oldest started ).*(?= ago)/g, '<age>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z/g, '<instant>'],
  [/sealog_test_[0-9a-f]{12}/g, '<database>'],
  [/(?<=next run in )[^(]+(?= \()/g, '<time>'],
  [/(?<=\bpid |pg_terminate_backend\(|"pid": )\d+/g, '<pid>'],
  [/(?<="durationMs": |"horizonLagSeconds": |"ageSeconds": )[\d.e-]+/g, '<number>'],
];

/** The text with what differs from run to run replaced by its name. `more` goes first. */
export function withPlaceholders(text: string, ...more: readonly Placeholder[]): string {
  return [...more, ...PLACEHOLDERS].reduce((changed, [pattern, name]) => changed.replaceAll(pattern, name), text);
}
