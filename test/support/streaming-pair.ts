import { execFile } from 'node:child_process';
import { appendFile, chown, mkdir, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { joinEmbeddedPostgres } from '../../src/postgres/join.ts';
import { serverFolder } from './server-folder.ts';
import { prepareTemplate } from './template.ts';

/** A migrated primary and a standby that streams from it. Both are gone with this process, however that ends. */
export interface StreamingPair extends AsyncDisposable {
  readonly primaryUrl: string;
  readonly standbyUrl: string;
}

const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  max_connections: '100',
  wal_level: 'replica',
  wal_keep_size: '1GB',
  hot_standby: 'on',
};

export async function startStreamingPair(): Promise<StreamingPair> {
  await using starting = new AsyncDisposableStack();
  const parent = await serverFolder('sealog-streaming-');
  starting.defer(() => rm(parent, { recursive: true, force: true, maxRetries: 20 }));
  const [ofPrimary, ofStandby] = [join(parent, 'primary'), join(parent, 'standby')];
  const primary = starting.use(
    await joinEmbeddedPostgres({ directory: ofPrimary, ephemeral: true, settings: SETTINGS }),
  );
  await prepareTemplate(primary.url);
  await copyCluster(primary.url, ofPrimary, ofStandby);
  const standby = starting.use(
    await joinEmbeddedPostgres({ directory: ofStandby, ephemeral: true, settings: SETTINGS }),
  );
  const started = starting.move();
  return {
    primaryUrl: primary.url,
    standbyUrl: standby.url,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** The low-level backup of PostgreSQL's manual: pg_basebackup does not come with the embedded server. */
async function copyCluster(url: string, from: string, to: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`select pg_backup_start('standby', fast => true)`);
  await mkdir(to, { mode: 0o711 });
  // Preserves the owner, which is not ours when we are root.
  await promisify(execFile)('cp', ['-a', await realpath(join(from, 'cluster')), join(to, 'cluster')]);
  const { rows } = await client.query<{ labelfile: string }>(
    `select labelfile from pg_backup_stop(wait_for_archive => false)`,
  );
  await client.end();

  const data = join(to, 'cluster', 'data');
  await rm(join(data, 'postmaster.pid'));
  // It comes from the primary: what was copied may be torn.
  const wal = await readdir(join(data, 'pg_wal'), { withFileTypes: true });
  for (const file of wal.filter((each) => each.isFile())) await rm(join(data, 'pg_wal', file.name));
  const { hostname, port, username, password } = new URL(url);
  const source = `host=${hostname} port=${port} user=${username} password=${password} sslmode=disable`;
  await appendFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`);
  const { uid, gid } = await stat(data);
  for (const [name, text] of Object.entries({ backup_label: rows[0]!.labelfile, 'standby.signal': '' })) {
    await writeFile(join(data, name), text);
    await chown(join(data, name), uid, gid);
  }
}
