import { JOBS } from '../jobs/jobs.ts';
import { installActivationView } from './activation-view.ts';
import { openBoss, type QueueConnection } from './boss.ts';
import { queueTableRule } from './queue-grants.ts';
import { ensureQueue } from './queue.ts';

/**
 * Installs pg-boss's schema, or brings it up to date, makes the queues of all jobs, and shows their activations in the
 * audit log's schema, which must be there. To be run in a migration turn.
 */
export async function installQueues(queue: QueueConnection, auditLogSchema: string): Promise<void> {
  const boss = openBoss({ ...queue, role: 'client', migrate: true });
  try {
    await boss.start();
    await queue.pool.query({ text: queueTableRule(queue.schema) });
    for (const { name } of JOBS) await ensureQueue(boss, name);
    await installActivationView(queue, auditLogSchema);
  } finally {
    await boss.stop({ graceful: false });
  }
}
