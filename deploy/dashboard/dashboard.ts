/**
 * `npm run dashboard`: pg-boss's dashboard over the queue, to look and not to touch, on this machine only.
 *
 * Of DATABASE_URL, or of the embedded database. PORT (3000), PGBOSS_DASHBOARD_AUTH_USERNAME (sealog) and
 * PGBOSS_DASHBOARD_AUTH_PASSWORD are the dashboard's own variables; a password that is not set is made up and printed.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
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

const HOST = '127.0.0.1';
const PORT = process.env['PORT'] || '3000';

try {
  await serveDashboard();
} catch (error) {
  console.error(`dashboard: ${reasonOf(error)}`);
  process.exit(1);
}

async function serveDashboard(): Promise<void> {
  const { settings } = loadSettings();
  await checkPort(PORT);
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
    HOST,
  });
  await import(import.meta.resolve('@pg-boss/dashboard/build/server.js'));
  console.log(`user: ${user}`);
  console.log(`password: ${given ? 'as set' : password}`);
  console.log(`activations: http://${HOST}:${PORT}/jobs?${ACTIVATIONS.toString()}`);
}

/** Before a password is printed beside an address at which another program answers. */
async function checkPort(port: string): Promise<void> {
  const server = createServer();
  try {
    await once(server.listen(Number(port), HOST), 'listening');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is in use: set PORT to a free one' : `cannot be had: ${message}`;
    throw new Error(`${HOST}:${port} ${why}`, { cause });
  }
  await once(server.close(), 'close');
}
