import { chmod, mkdir } from 'node:fs/promises';
import { EmbeddedPostgresError } from '../errors.ts';

/**
 * A checkout below a closed folder, such as root's home, is out of reach for the account that PostgreSQL runs under.
 * What that account must reach is then kept here, which only root can change.
 */
const shelter = '/var/lib/sealog';

/** The shelter's path, created if absent; `unreachable` is what it stands in for. */
export async function openShelter(unreachable: string): Promise<string> {
  try {
    await mkdir(shelter, { recursive: true });
    await chmod(shelter, 0o755);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `the user that runs PostgreSQL cannot enter ${unreachable}, and ${shelter} cannot be used instead: move the checkout, open its parent folders (chmod a+x), or set DATABASE_URL`,
      { cause },
    );
  }
  return shelter;
}
