import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const directory = mkdtempSync(join(tmpdir(), 'sealog-types-'));
beforeAll(() => {
  const emit = ['--project', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', directory];
  execFileSync('node_modules/.bin/tsc', emit);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What the declarations that a file leads to import that is none of ours. */
function packagesOf(file: string, seen: Set<string> = new Set()): Set<string> {
  const found = new Set<string>();
  if (seen.has(file)) return found;
  seen.add(file);
  for (const [, from] of readFileSync(file, 'utf8').matchAll(/(?:from |import\(|import )['"]([^'"]+)['"]/g)) {
    if (!from!.startsWith('.')) found.add(from!);
    else packagesOf(resolve(file, '..', from!.replace(/\.[jt]s$/, '.d.ts')), seen).forEach((name) => found.add(name));
  }
  return found;
}

// pg brings no types of its own: a service that is checked without skipLibCheck would need @types/pg.
test.each(['index', 'integrations/fastify', 'integrations/express', 'integrations/testing'])(
  'the types of %s are whole without @types/pg',
  (entry) => {
    expect([...packagesOf(join(directory, `${entry}.d.ts`))]).not.toContain('pg');
  },
);
