import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { joinEmbeddedPostgres } from '../../../src/postgres/join.ts';
import { waitUntil } from '../wait.ts';
import { prepareTemplate } from '../template.ts';

/** A PostgreSQL server of one's own, to be killed: committed means written, unlike on the server of the other tests. */
export interface FaultCluster extends AsyncDisposable {
  /** The superuser's URL, to a database that is migrated unless `empty` was asked for. */
  readonly url: string;
  /** Survives the server's death. */
  readonly pool: pg.Pool;
  /**
   * Kills the server as `pg_ctl stop --mode immediate` does: no client is told, nothing is flushed. Its keeper starts
   * it again. Returns when it answers, and how long it did not, in milliseconds.
   */
  killImmediately(): Promise<number>;
  answers(): Promise<boolean>;
}

export interface FaultClusterOptions {
  /** Where its folder is made. Default: the system's temporary folder. */
  readonly parent?: string;
  readonly empty?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}

export async function startFaultCluster(options: FaultClusterOptions = {}): Promise<FaultCluster> {
  const { parent = tmpdir(), empty = false, settings = {} } = options;
  await using starting = new AsyncDisposableStack();
  const directory = await mkdtemp(join(parent, 'sealog-faults-'));
  // For root, whose server runs as another user.
  await chmod(directory, 0o711);
  const server = starting.use(
    await joinEmbeddedPostgres({
      directory,
      ephemeral: true,
      // Commit times tell afterwards which transactions were open at once.
      settings: { max_connections: '200', track_commit_timestamp: 'on', ...settings },
    }),
  );
  if (!empty) await prepareTemplate(server.url);
  const pool = new pg.Pool({ connectionString: server.url, max: 10, connectionTimeoutMillis: 5000 });
  pool.on('error', () => {});
  starting.defer(() => pool.end());

  const answers = async (): Promise<boolean> =>
    await pool.query('select').then(
      () => true,
      () => false,
    );
  const started = starting.move();
  return {
    url: server.url,
    pool,
    answers,
    async killImmediately() {
      const { rows } = await pool.query<{ pid: string }>(
        `select split_part(pg_read_file('postmaster.pid'), e'\\n', 1) as pid`,
      );
      process.kill(Number(rows[0]!.pid), 'SIGQUIT');
      const killed = performance.now();
      await waitUntil('the server is down', async () => !(await answers()));
      await waitUntil('the server answers again', answers, 120_000);
      return Math.round(performance.now() - killed);
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
