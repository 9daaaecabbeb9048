import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from '../errors.ts';

const run = promisify(execFile);

/** The system account that PostgreSQL's programs run under: empty means the one that we run under ourselves. */
export type Account = { readonly uid?: number; readonly gid?: number };

/**
 * PostgreSQL refuses to run as root. For root the account is the owner of the existing cluster, else the user
 * `postgres`, which is created (a system user without a password) when there is none.
 */
export async function serverAccount(existingCluster: string | undefined): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  if (existingCluster !== undefined) {
    const { uid, gid } = await stat(existingCluster);
    return { uid, gid };
  }
  try {
    return await lookUp();
  } catch {
    // No such user yet. Somebody else may be creating it right now: then useradd fails and the second look finds it.
    // Its folder is not on the PATH of a root shell that was opened with a plain `su`.
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    const created = await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'], { env }).catch(
      (error: unknown) => error,
    );
    return await lookUp().catch(() => {
      throw new EmbeddedPostgresError(
        'PostgreSQL does not run as root, and no user "postgres" could be created: create one, start as another user, or set DATABASE_URL',
        { cause: created },
      );
    });
  }
}

/** Whether the account may enter (a folder) or execute (a file) `path`, its parents included; asked of the kernel. */
export async function canReach(account: Account, path: string): Promise<boolean> {
  if (account.uid === undefined) return true;
  return await run('test', ['-x', path], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

async function lookUp(): Promise<Account> {
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
