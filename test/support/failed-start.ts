/**
 * A program: starts a worker on the database that its argument names, loses the database when pg-boss is about to say
 * that it has started, and prints how the start failed. Then nothing is left that would keep it alive.
 */
import { loadSettings } from '../../src/config/load-settings.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { isTransient } from '../../src/store/errors.ts';
import { openPool } from '../../src/store/open-pool.ts';
import type { QueuePool } from '../../src/worker/boss.ts';
import { startWorker } from '../../src/worker/start-worker.ts';
import { recordingLogger } from './recording-logger.ts';
import { startProxy } from './tcp-proxy.ts';

const proxy = await startProxy(process.argv[2]!);
const { settings } = loadSettings({ env: { NODE_ENV: 'test', DATABASE_URL: proxy.url } });
const logger = recordingLogger();
const pool = openPool({ connectionString: proxy.url, max: 4, applicationName: 'failed start', onError: () => {} });
const cutting: QueuePool = {
  async query(statement) {
    if (/insert into pgboss\.instance/i.test(statement.text)) await proxy.cut();
    return await pool.query(statement);
  },
};
try {
  await startWorker({
    queue: {
      pool: cutting,
      schema: settings.queue.schema,
      auditLogSchema: settings.database.schema,
      logger,
      instanceName: settings.instance.name,
    },
    database: auditLogDatabase(pool, settings.database.schema),
    settings,
    logger,
  });
  process.stdout.write('started\n');
} catch (error) {
  process.stdout.write(`rejected: ${String(error)}, ${isTransient(error) ? 'to be tried again' : 'final'}\n`);
}
await pool.end();
