import type { Block } from './blocks.ts';
import type { DocumentedFleet } from './fleet.ts';
import { openShell } from './shell.ts';

/** Somebody who follows the documents, with a database of their own. */
export interface Reader extends AsyncDisposable {
  /** Runs a shell block and returns what it printed, on both streams. Throws when it fails. */
  run(block: Block): Promise<string>;
}

/** The addresses of databases that documents give as examples. */
const ADDRESSES = /postgres:\/\/(?:user:password@db\.example\/app|sealog:sealog@127\.0\.0\.1:5432\/sealog)/g;

export async function openReader(root: URL, { url }: Pick<DocumentedFleet, 'url'>): Promise<Reader> {
  const shell = await openShell({
    root,
    // The dashboard knows no port 0. Below those that systems give out by themselves.
    env: { DATABASE_URL: url, SEALOG_HTTP_PORT: '0', PORT: String(20_000 + (process.pid % 10_000)) },
    programs: { 'your-program': 'cat' },
  });
  return {
    async run({ text }) {
      const commands = text.replace(ADDRESSES, url).replaceAll('/etc/sealog.json', 'config/test.json');
      return await shell.run(commands);
    },
    [Symbol.asyncDispose]: () => shell[Symbol.asyncDispose](),
  };
}
