/**
 * `npm run dashboard`: pg-boss's dashboard over the queue, to look and not to touch, on this machine only.
 *
 * Of DATABASE_URL, or of the embedded database. PORT (3000), PGBOSS_DASHBOARD_AUTH_USERNAME (sealog) and
 * PGBOSS_DASHBOARD_AUTH_PASSWORD are the dashboard's own variables; a password that is not set is made up and printed.
 */
import { randomBytes } from 'node:crypto';
import { openApp } from '../../src/app.ts';
import { createLogger } from '../../src/cli/create-logger.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { reasonOf } from '../../src/store/when-ready.ts';

/** The dashboard's own list, with columns out of the outcome. */
const ACTIVATIONS = new URLSearchParams([
  ['queues', 'audit-timeout'],
  ['state', 'all'],
  ['col', 'createdOn|Created'],
  ['col', 'state|State'],
  ['col', 'output.by|By'],
  ['col', 'output.trigger|Trigger'],
  ['col', 'output.timedOut|Timed out'],
  ['col', 'output.limitReached|Limit reached'],
  ['col', 'output.durationMs|Took (ms)'],
]);

try {
  await serveDashboard();
} catch (error) {
  console.error(`dashboard: ${reasonOf(error)}`);
  process.exit(1);
}

async function serveDashboard(): Promise<void> {
  const { settings } = loadSettings();
  // Never disposed of: the dashboard ends with the process, and so does its use of the embedded database.
  const { databaseUrl } = await openApp(settings, createLogger(settings.log, 'stderr'));
  const user = process.env['PGBOSS_DASHBOARD_AUTH_USERNAME'] || 'sealog';
  const given = process.env['PGBOSS_DASHBOARD_AUTH_PASSWORD'];
  const password = given || randomBytes(15).toString('base64url');
  Object.assign(process.env, {
    // React's own; what it says of our settings has been read.
    NODE_ENV: 'production',
    // It takes a list, and a bar parts its items.
    DATABASE_URL: databaseUrl.replaceAll('|', '%7C'),
    PGBOSS_SCHEMA: settings.queue.schema,
    PGBOSS_DASHBOARD_READ_ONLY: '1',
    PGBOSS_DASHBOARD_AUTH_USERNAME: user,
    PGBOSS_DASHBOARD_AUTH_PASSWORD: password,
    // Not from the environment, where some shells keep the name of the machine.
    HOST: '127.0.0.1',
  });
  await import(import.meta.resolve('@pg-boss/dashboard/build/server.js'));
  console.log(`user: ${user}`);
  console.log(`password: ${given ? 'as set' : password}`);
  console.log(`activations: http://127.0.0.1:${process.env['PORT'] || '3000'}/jobs?${ACTIVATIONS.toString()}`);
}
