import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { joinEmbeddedPostgres } from '../../src/postgres/join.ts';
import { serverFolder } from './server-folder.ts';
import { prepareTemplate } from './template.ts';

/** The server of one test run, with the template of its databases. */
export type TestCluster = {
  /** The superuser's URL. */
  readonly url: string;
  /** The template's name. */
  readonly template: string;
  /** How `create database` copies it, in SQL: by its files. To log each page takes twice as long. */
  readonly strategy: string;
  /** The file of the server's log. Of one that was given we know none. */
  readonly log: string | undefined;
  [Symbol.asyncDispose](): Promise<void>;
};

/** The server at `givenUrl`, or else an embedded one that is gone with this process, however that ends. */
export async function startTestCluster(givenUrl: string | undefined): Promise<TestCluster> {
  await using starting = new AsyncDisposableStack();
  const embedded = givenUrl === undefined ? starting.use(await startEmbedded()) : undefined;
  const url = givenUrl ?? embedded!.url;
  const template = `sealog_template_${randomBytes(6).toString('hex')}`;
  await execute(url, `create database ${template}`);
  starting.defer(() => execute(url, `alter database ${template} is_template false`, `drop database ${template}`));
  await prepareTemplate(databaseUrl(url, template));
  // Nobody connects to it any more, autovacuum included: a template in use cannot be copied.
  await execute(url, `alter database ${template} with is_template true allow_connections false`);
  const strategy = (await majorVersion(url)) >= 15 ? 'strategy file_copy' : '';
  const started = starting.move();
  return { url, template, strategy, log: embedded?.log, [Symbol.asyncDispose]: () => started.disposeAsync() };
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

async function majorVersion(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ major: number }>(
    `select current_setting('server_version_num')::integer / 10000 as major`,
  );
  await client.end();
  return rows[0]!.major;
}

async function startEmbedded() {
  const directory = await serverFolder('sealog-test-');
  const server = await joinEmbeddedPostgres({
    directory,
    ephemeral: true,
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      autovacuum: 'off',
      max_connections: '300',
      // Nobody streams from it or restores it, and it may be in memory.
      wal_level: 'minimal',
      max_wal_senders: '0',
      max_wal_size: '256MB',
      // It would compile many a statement that is run once.
      jit: 'off',
    },
  });
  return Object.assign(server, { log: join(directory, 'server.log') });
}
