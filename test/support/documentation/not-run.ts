import type { Block } from './blocks.ts';

/** Shell blocks that the tests of the documents do not run: words that occur in one, and why. */
export const NOT_RUN: readonly { readonly text: string; readonly reason: string }[] = [
  { text: 'npm ci', reason: 'installs: .ci/run does, and then runs the tests and the demo' },
  { text: 'npm install', reason: 'installs a package from the registry' },
  { text: 'docker compose', reason: 'needs Docker' },
  { text: 'kubectl', reason: 'needs a cluster' },
  {
    text: 'curl -i -X POST',
    reason: 'needs the service of the block before; example-service.test.ts asks it the same',
  },
  { text: 'psql', reason: 'needs psql: test/slow/documentation-tools.test.ts' },
  { text: 'audit.test.ts', reason: 'needs the files of the block before: test/slow/adopting.test.ts' },
  { text: 'count-incomplete-entries', reason: 'needs the job that the page has its reader write' },
];

export function reasonNotToRun({ text }: Block): string | undefined {
  return NOT_RUN.find((excuse) => text.includes(excuse.text))?.reason;
}
