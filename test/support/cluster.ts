import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, joinEmbeddedPostgres } from '../../src/postgres/join.ts';
import { prepareTemplate } from './template.ts';

/** The server of one test run, with the template of its databases. */
export type TestCluster = {
  /** The superuser's URL. */
  readonly url: string;
  /** The template's name. */
  readonly template: string;
  [Symbol.asyncDispose](): Promise<void>;
};

/** The server at `givenUrl`, or else an embedded one that is gone with this process, however that ends. */
export async function startTestCluster(givenUrl: string | undefined): Promise<TestCluster> {
  await using starting = new AsyncDisposableStack();
  const url = givenUrl ?? starting.use(await startEmbedded()).url;
  const template = `sealog_template_${randomBytes(6).toString('hex')}`;
  await execute(url, `create database ${template}`);
  starting.defer(() => execute(url, `alter database ${template} is_template false`, `drop database ${template}`));
  await prepareTemplate(databaseUrl(url, template));
  // Nobody connects to it any more, autovacuum included: a template in use cannot be copied.
  await execute(url, `alter database ${template} with is_template true allow_connections false`);
  const started = starting.move();
  return { url, template, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** The URL of another database on the same server. */
export function databaseUrl(clusterUrl: string, name: string): string {
  const url = new URL(clusterUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs statements one after the other on a connection of their own. */
export async function execute(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function startEmbedded(): Promise<EmbeddedPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'sealog-test-'));
  // For root, whose server runs as another user.
  await chmod(directory, 0o711);
  return await joinEmbeddedPostgres({
    directory,
    ephemeral: true,
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      autovacuum: 'off',
      max_connections: '300',
    },
  });
}
