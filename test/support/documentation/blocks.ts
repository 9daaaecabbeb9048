import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A fenced block of a document, and the result that the document shows for it. */
export interface Block {
  readonly file: string;
  /** `docs/monitoring.md:24`, of its first line. */
  readonly place: string;
  readonly language: string;
  readonly text: string;
  /** The next block, if it follows at once and names no language. */
  readonly result: string | null;
}

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'docs/**/*.md', 'examples/**/README.md'];
const FENCE = /^```(\S*).*\n([^]*?)^```$/gm;

/** Every fenced block of every document, by file and line. */
export async function documentedBlocks(root: URL): Promise<Block[]> {
  const files: string[] = [];
  for await (const file of glob(DOCUMENTS, { cwd: fileURLToPath(root) })) files.push(file);
  const blocks = files.toSorted().map(async (file) => blocksOf(file, await readFile(new URL(file, root), 'utf8')));
  return (await Promise.all(blocks)).flat();
}

function blocksOf(file: string, document: string): Block[] {
  const fences = [...document.matchAll(FENCE)];
  return fences.map((fence, index) => {
    const next = fences[index + 1];
    const between = next && document.slice(fence.index + fence[0].length, next.index);
    const isResult = next?.[1] === '' && between?.trim() === '';
    return {
      file,
      place: `${file}:${document.slice(0, fence.index).split('\n').length + 1}`,
      language: fence[1] ?? '',
      text: fence[2] ?? '',
      result: isResult ? (next[2] ?? '') : null,
    };
  });
}
