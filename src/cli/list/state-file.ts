import { accessSync, constants, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { decodeCursor } from '../../audit-log/cursor.ts';

/** The position of a listing in a file, so that the next run continues from there, also after a kill. */
export interface StateFile {
  /** What the file held when it was opened: a cursor, or undefined when there was no file. */
  readonly cursor: string | undefined;
  /** Replaces the file at once by one with this cursor, on disk when it resolves. */
  save(cursor: string): Promise<void>;
}

/** Throws when the file holds no cursor, or cannot be written. A file that is not there is a beginning. */
export function openState(file: string): StateFile {
  const cursor = read(file);
  // Better known before the first entry is out.
  accessSync(dirname(file), constants.W_OK);
  const next = `${file}.next`;
  let saved = cursor;
  return {
    cursor,
    async save(reached) {
      if (reached === saved) return;
      await write(next, `${reached}\n`);
      await rename(next, file);
      await sync(dirname(file));
      saved = reached;
    },
  };
}

function read(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  decodeCursor(text);
  return text;
}

async function write(file: string, text: string): Promise<void> {
  await using handle = await open(file, 'w');
  await handle.writeFile(text);
  await handle.sync();
}

/** A name is on disk when its directory is. */
async function sync(directory: string): Promise<void> {
  await using handle = await open(directory);
  await handle.sync();
}
