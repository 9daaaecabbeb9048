/** The composition root of the commands: from settings to a database with everything that a command needs. */
import { join } from 'node:path';
import type { Settings } from './config/settings.ts';
import { connectionLost } from './events.ts';
import type { Logger } from './logger.ts';
import { auditLogDatabase, type MigratableDatabase } from './store/database.ts';
import { migrate } from './store/migrate.ts';
import { inMigrationTurn } from './store/migration-turn.ts';
import { openPool, type PoolOptions } from './store/open-pool.ts';
import type { QueueConnection } from './worker/boss.ts';
import { queuePool } from './worker/queue-pool.ts';
import { TIMINGS, type Timings } from './worker/timings.ts';

export interface App extends AsyncDisposable {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly database: MigratableDatabase;
  /** What opens pg-boss on the same pool. */
  readonly queue: QueueConnection;
  /** The URL of the database, the embedded one's too. Holds a password. */
  readonly databaseUrl: string;
  readonly timings: Timings;
}

export interface AppOptions extends Pick<PoolOptions, 'pinsSearchPath'> {
  /** Default: those that are shipped. */
  readonly timings?: Timings | undefined;
}

/** Opens the database of the settings, or the embedded one, which is migrated too. Connects when it is first asked. */
export async function openApp(
  settings: Settings,
  logger: Logger,
  { pinsSearchPath = false, timings = TIMINGS }: AppOptions = {},
): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const embedded = settings.database.url === undefined ? stack.use(await joinEmbedded()) : undefined;
  const databaseUrl = settings.database.url ?? embedded!.url;
  const pool = openPool({
    connectionString: databaseUrl,
    max: settings.database.poolMax,
    applicationName: `sealog ${settings.instance.name}`,
    queryTimeoutMs: timings.queryMs,
    pinsSearchPath,
    maxLifetimeSeconds: timings.connectionLifetimeSeconds,
    onError: (err) => connectionLost(logger, { err }),
  });
  stack.defer(() => pool.end());
  const database = auditLogDatabase(pool, settings.database.schema);
  const queue = {
    pool: queuePool(pool),
    schema: settings.queue.schema,
    auditLogSchema: settings.database.schema,
    logger,
    instanceName: settings.instance.name,
  };
  if (embedded) {
    // pg-boss is loaded only by those who need it.
    const { installQueues } = await import('./worker/install-queues.ts');
    await inMigrationTurn(database, async () => {
      await migrate(database);
      await installQueues(queue);
    });
  }
  const opened = stack.move();
  return {
    settings,
    logger,
    database,
    queue,
    databaseUrl,
    timings,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function joinEmbedded() {
  // A development tool: production never loads it, and the package of its binaries is optional.
  const { joinEmbeddedPostgres } = await import('./postgres/join.ts');
  return await joinEmbeddedPostgres({ directory: join(process.cwd(), '.sealog', 'postgres') });
}
