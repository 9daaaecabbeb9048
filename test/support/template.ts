import { auditLogDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPool } from '../../src/store/open-pool.ts';
import { installQueues } from '../../src/worker/install-queues.ts';
import { recordingLogger } from './recording-logger.ts';

/**
 * Fills the database that the tests' databases are copied from: migrates it, and installs the queue.
 * `url` is the superuser's, to an empty database; every connection is closed when this returns.
 */
export async function prepareTemplate(url: string): Promise<void> {
  const pool = openPool({ connectionString: url, max: 4, applicationName: 'template', onError: () => {} });
  await migrate(auditLogDatabase(pool, 'sealog'));
  const logger = recordingLogger();
  await installQueues({ pool, schema: 'pgboss', auditLogSchema: 'sealog', logger, instanceName: 'template' });
  await pool.end();
}
