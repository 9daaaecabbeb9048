import { chmod, mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** Of which a run takes a few hundred MB. */
const ENOUGH_BYTES = 2 * 1024 ** 3;

/**
 * A new folder for a server of the tests, in memory where Linux has room for it: a database is then copied in a tenth of
 * the time. It may be entered by others, for root's servers run as another user.
 */
export async function serverFolder(prefix: string): Promise<string> {
  const folder = await mkdtemp(join((await isRoomy(MEMORY)) ? MEMORY : tmpdir(), prefix));
  await chmod(folder, 0o711);
  return folder;
}

async function isRoomy(folder: string): Promise<boolean> {
  return await statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize >= ENOUGH_BYTES,
    () => false,
  );
}
