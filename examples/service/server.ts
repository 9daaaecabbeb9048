/**
 * A small service on sealog: disks, kept in memory, and an audit log of everything that is done to them.
 *
 * The entry of an operation is begun before it runs and completed after. When it cannot be begun, the operation does
 * not run and the client is told 503: nothing happens that the audit log does not know of. Reading is not audited.
 */
import { once } from 'node:events';
import { createAuditLog } from 'sealog';
import { buildApp, type Log } from './app.ts';

const log: Log = (event, fields) => void process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

const connectionString = process.env['DATABASE_URL'];
if (!connectionString) {
  process.stderr.write('DATABASE_URL: expected the URL of a PostgreSQL that `sealog migrate` has prepared\n');
  process.exit(2);
}
await using auditLog = createAuditLog({ connectionString });
await using app = await buildApp({ auditLog, log });

// On this machine only: this service believes whatever `x-user` says.
await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' });
const address = app.server.address();
log('service.listening', { port: typeof address === 'object' ? address?.port : address });

// Then, in this order: what is in flight is finished, its outcome recorded, the pool of the audit log closed.
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
