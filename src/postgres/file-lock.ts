import { DatabaseSync } from 'node:sqlite';

/**
 * Takes the exclusive lock on the file `path` (created if absent), or returns undefined when another process has it.
 *
 * Node has no call for the kernel's file locks; SQLite takes one on every system that Node runs on. The kernel lets go
 * of it together with the process, SIGKILL included, so there is never a stale lock to recognise.
 */
export function tryLockFile(path: string): Disposable | undefined {
  const database = new DatabaseSync(path);
  try {
    // Without a journal beside it: nothing is ever written.
    database.exec('pragma journal_mode = memory; begin exclusive');
  } catch (error) {
    database.close();
    if (error instanceof Error && error.message.includes('locked')) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => database.close() };
}
