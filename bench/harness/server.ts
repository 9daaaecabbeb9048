import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { joinEmbeddedPostgres } from '../../src/postgres/join.ts';
import { databaseUrl, execute } from '../../test/support/cluster.ts';
import { prepareTemplate } from '../../test/support/template.ts';

/** The PostgreSQL server of one run, on which everything that is compared runs side by side. */
export interface BenchServer extends AsyncDisposable {
  readonly version: string;
  /** The settings that decide about the figures. */
  readonly settings: Readonly<Record<string, string>>;
  /** A database of the benchmark's own, with sealog's and pg-boss's schema in it unless `empty`. */
  createDatabase(options?: { readonly empty?: boolean }): Promise<BenchDatabase>;
}

export interface BenchDatabase extends AsyncDisposable {
  /** The superuser's. */
  readonly url: string;
  /** Of the one who prepares and looks, not of one who is measured. */
  readonly pool: pg.Pool;
}

// A commit is on disk, as in production. All else is as PostgreSQL ships, but for what it asks every owner to set.
const SETTINGS = {
  max_connections: '600',
  shared_buffers: '2GB',
  effective_cache_size: '8GB',
  max_wal_size: '8GB',
  maintenance_work_mem: '512MB',
  random_page_cost: '1.1',
};

const TOLD = [...Object.keys(SETTINGS), 'fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum', 'jit'];

/** The server at `givenUrl`, or an embedded one in the system's temporary folder, which is gone with this process. */
export async function startServer(givenUrl: string | undefined): Promise<BenchServer> {
  await using starting = new AsyncDisposableStack();
  const clusterUrl = givenUrl ?? starting.use(await startEmbedded()).url;
  const pool = new pg.Pool({ connectionString: clusterUrl, max: 1 });
  pool.on('error', () => {});
  starting.defer(() => pool.end());
  const { rows: version } = await pool.query<{ server_version: string }>('show server_version');
  const { rows: settings } = await pool.query<{ name: string; value: string }>(
    'select name, current_setting(name) as value from pg_settings where name = any($1) order by name',
    [TOLD],
  );
  const started = starting.move();
  return {
    version: version[0]!.server_version,
    settings: Object.fromEntries(settings.map(({ name, value }) => [name, value])),
    createDatabase: ({ empty = false } = {}) => createDatabase(clusterUrl, empty),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

async function startEmbedded() {
  const directory = await mkdtemp(join(tmpdir(), 'sealog-bench-'));
  // For root, whose server runs as another user.
  await chmod(directory, 0o711);
  return await joinEmbeddedPostgres({ directory, ephemeral: true, settings: SETTINGS });
}

async function createDatabase(clusterUrl: string, empty: boolean): Promise<BenchDatabase> {
  const name = `sealog_bench_${randomBytes(6).toString('hex')}`;
  await execute(clusterUrl, `create database ${name} template template0`);
  const url = databaseUrl(clusterUrl, name);
  if (!empty) await prepareTemplate(url);
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  pool.on('error', () => {});
  return {
    url,
    pool,
    async [Symbol.asyncDispose]() {
      if (!pool.ended) await pool.end();
      await execute(clusterUrl, `drop database if exists ${name} with (force)`);
    },
  };
}
