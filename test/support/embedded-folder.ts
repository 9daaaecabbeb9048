import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgresOptions, joinEmbeddedPostgres } from '../../src/postgres/join.ts';
import { type NodeProcess, spawnNode } from './processes.ts';
import { waitUntil } from './wait.ts';

/** The root of this checkout. */
export const repository: string = resolve(import.meta.dirname, '../..');
const startTimeoutMs = 40_000;

/** A folder for an embedded PostgreSQL of a test's own, which is gone, with its server, when it is disposed of. */
export interface EmbeddedFolder extends AsyncDisposable {
  /** The test's, to make and to look into. */
  readonly parent: string;
  /** The server's, inside of it. */
  readonly directory: string;
  /** A process that uses the server from now on, or at `signal`; of another checkout than this one if it is given. */
  user(
    options?: Partial<EmbeddedPostgresOptions>,
    checkout?: string,
    ...signal: readonly NodeJS.Signals[]
  ): Promise<NodeProcess>;
  /** Uses the server from this process, and returns its URL. */
  visit(work: (url: string) => Promise<void>): Promise<string>;
  pids(): Promise<{ readonly server: number; readonly keeper: number }>;
  waitUntilStopped(): Promise<void>;
}

export async function makeEmbeddedFolder(): Promise<EmbeddedFolder> {
  const parent = await mkdtemp(join(tmpdir(), 'sealog-embedded-'));
  // Root's server runs as another user, who has to get in.
  await chmod(parent, 0o711);
  const directory = join(parent, 'postgres');
  const pids = async () => {
    const postmaster = await readFile(join(directory, 'cluster/data/postmaster.pid'), 'utf8').catch(() => '0');
    const keeper = await readFile(join(directory, 'keeper.json'), 'utf8').catch(() => '{"pid":0}');
    const { pid }: { pid: number } = JSON.parse(keeper);
    return { server: Number(postmaster.split('\n')[0]), keeper: pid };
  };
  // A keeper that stops removes its address first, and postmaster.pid is the last thing of a server to go.
  const waitUntilStopped = () =>
    waitUntil('server and keeper are gone', async () => {
      const { server, keeper } = await pids();
      return server === 0 && keeper === 0;
    });
  return {
    parent,
    directory,
    async user(options = {}, checkout = repository, ...signal) {
      const program = join(checkout, 'test/support/embedded-postgres-user.ts');
      return await spawnNode([program, JSON.stringify({ directory, ...options }), ...signal]);
    },
    async visit(work) {
      await using database = await joinEmbeddedPostgres({ directory });
      await work(database.url);
      return database.url;
    },
    pids,
    waitUntilStopped,
    async [Symbol.asyncDispose]() {
      await waitUntilStopped();
      await rm(parent, { recursive: true });
    },
  };
}

export async function joinedUrl(process: NodeProcess): Promise<string> {
  return String((await process.waitForEvent('joined', startTimeoutMs))['url']);
}

/** What `create table kept as select … as answer` has kept. */
export async function answer(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<{ answer: number }>('select answer from kept')).rows[0]?.answer;
  } finally {
    await client.end();
  }
}
