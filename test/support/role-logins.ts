import { randomBytes } from 'node:crypto';
import { execute } from './cluster.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { runCommand } from './run-command.ts';

/** A database that `sealog migrate` made as an owner who is no superuser, and a login for each role of `sealog grants`. */
export interface RoleLogins extends AsyncDisposable {
  /** The superuser's. */
  readonly database: TestDatabase;
  readonly owner: string;
  readonly service: string;
  readonly reader: string;
  readonly worker: string;
}

export async function createRoleLogins(): Promise<RoleLogins> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase({ template: false }));
  const suffix = randomBytes(4).toString('hex');
  const login = async (name: string, options: string): Promise<string> => {
    const url = new URL(database.url);
    [url.username, url.password] = [`test_${name}_${suffix}`, suffix];
    await execute(database.url, `create role ${url.username} login password '${suffix}' ${options}`);
    return url.href;
  };

  const owner = await login('owner', 'createrole');
  await execute(database.url, `alter database ${database.name} owner to ${new URL(owner).username}`);
  await sealog(owner, 'migrate');
  const grants = await sealog(owner, 'grants');
  // Again, as after an upgrade.
  await execute(owner, grants, grants);
  const [service, reader, worker] = await Promise.all(
    ['service', 'reader', 'worker'].map((name) => login(name, `in role sealog_${name}`)),
  );
  const created = stack.move();
  return {
    database,
    owner,
    service: service!,
    reader: reader!,
    worker: worker!,
    async [Symbol.asyncDispose]() {
      const admin = new URL(database.url);
      admin.pathname = '/postgres';
      await created.disposeAsync();
      const names = [owner, service!, reader!, worker!].map((url) => new URL(url).username);
      await execute(admin.href, `drop role ${names.join(', ')}`);
    },
  };
}

/** Runs a command as a role and returns what it printed. Throws unless it ends with 0. */
export async function sealog(url: string, ...args: readonly string[]): Promise<string> {
  const env = { NODE_ENV: 'test', DATABASE_URL: url, SEALOG_QUEUE_MIGRATE: 'false' };
  const { code, stdout, stderr } = await runCommand(args, env);
  if (code !== 0) throw new Error(`sealog ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}
