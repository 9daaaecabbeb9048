import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const src = new URL('../../src/', import.meta.url);
const IMPORT = /(?:^|\n)(?:import|export)(?! type )[^;]*?from '([^']+)'|import\('([^']+)'\)/g;

/** The files and packages that a file loads when it is imported, by whatever way. */
function loadedBy(entry: string): { readonly rooms: string[]; readonly packages: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: URL): void => {
    if (files.has(file.href)) return;
    files.add(file.href);
    for (const [, name = '', lazy = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const target = name || lazy;
      if (target.startsWith('.')) visit(new URL(target, file));
      else if (!target.startsWith('node:')) packages.add(target);
    }
  };
  visit(new URL(entry, src));
  const rooms = [...files].flatMap((file) => file.slice(src.href.length).split('/').slice(0, -1)[0] ?? []);
  return { rooms: [...new Set(rooms)].toSorted(), packages: [...packages].toSorted() };
}

test('the library loads neither the worker nor pg-boss nor the configuration', () => {
  const { rooms, packages } = loadedBy('index.ts');
  expect(rooms).toEqual(['audit-log', 'store']);
  expect(packages).not.toContain('pg-boss');
  expect(packages).not.toContain('convict');
  expect(packages).toContain('pg');
});
