import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from '../errors.ts';
import { type Account, canReach, serverAccount } from './account.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { openShelter } from './shelter.ts';
import { systemErrorCode } from './system-error.ts';

/** A cluster on disk and what it takes to run it. `folder` holds the data folder and the superuser's password. */
export type Cluster = {
  readonly folder: string;
  readonly dataDirectory: string;
  readonly password: string;
  readonly account: Account;
  readonly binaries: Binaries;
};

/**
 * The cluster in `directory`, created if absent. Only the keeper, which holds the directory's lock, may call it.
 *
 * A cluster appears complete or not at all: it is made beside its place and moved there at the end.
 */
export async function openCluster(directory: string, durable: boolean): Promise<Cluster> {
  const place = join(directory, 'cluster');
  const existing = await realpath(place).catch((error: unknown) => {
    // Only what is not there may be made anew: a cluster that we may not see is somebody's data.
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  const account = await serverAccount(existing);
  const binaries = await findBinaries(account);
  const folder = existing ?? (await createCluster(directory, place, account, binaries, durable));
  if (!(await canReach(account, folder))) {
    throw new EmbeddedPostgresError(
      `the user that runs PostgreSQL (uid ${account.uid}) cannot enter ${folder}: open its parent folders (chmod a+x), or remove it to start afresh`,
    );
  }
  const password = await readFile(join(folder, 'password'), 'utf8').catch(async (cause: unknown) => {
    const { uid } = await stat(folder);
    throw new EmbeddedPostgresError(
      `${folder} cannot be read: it belongs to uid ${uid}; run as that user, or remove it to start afresh`,
      { cause },
    );
  });
  return { folder, dataDirectory: join(folder, 'data'), password, account, binaries };
}

/** The environment for PostgreSQL's programs: nothing of the caller's PostgreSQL settings, locale or time zone. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(own), LC_ALL: 'C', TZ: 'UTC' };
}

async function createCluster(
  directory: string,
  place: string,
  account: Account,
  binaries: Binaries,
  durable: boolean,
): Promise<string> {
  // What a killed keeper left half made, and a link into a shelter that is gone.
  const leftovers = (await readdir(directory)).filter((name) => name === 'cluster' || name.startsWith('cluster.'));
  for (const name of leftovers) await rm(join(directory, name), { recursive: true, force: true });

  const sheltered = !(await canReach(account, directory));
  const fresh = await mkdtemp(join(sheltered ? await openShelter(directory) : directory, 'cluster.'));
  try {
    const passwordFile = join(fresh, 'password');
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    if (account.uid !== undefined && account.gid !== undefined) {
      await chown(passwordFile, account.uid, account.gid);
      await chown(fresh, account.uid, account.gid);
    }
    const flags = [
      `--pgdata=${join(fresh, 'data')}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      // The same sort order and letter case on every system, whichever locales it has.
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ];
    await promisify(execFile)(binaries.initdb, flags, { ...account, cwd: fresh, env: serverEnvironment() });
    if (sheltered) await symlink(fresh, place);
    else await rename(fresh, place);
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    const log = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    throw new EmbeddedPostgresError(`the database could not be created in ${directory}:`, { cause, log });
  }
  return await realpath(place);
}
