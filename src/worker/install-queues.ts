import { JOBS } from '../jobs/jobs.ts';
import { installActivationView } from './activation-view.ts';
import { openBoss, type QueueConnection } from './boss.ts';
import { queueTableRule } from './queue-grants.ts';
import { ensureQueue } from './queue.ts';
import { checkBeforeTie, tie } from './queue-tie.ts';

/**
 * Installs pg-boss's schema, or brings it up to date, makes the queues of all jobs, and shows their activations in the
 * audit log's schema, which must be there. To be run in a migration turn. Throws ConfigError, and changes nothing, when
 * the schema is another audit log's or another program's.
 */
export async function installQueues(queue: QueueConnection): Promise<void> {
  await checkBeforeTie(queue);
  const boss = openBoss({ ...queue, role: 'client', migrate: true });
  try {
    await boss.start();
    await tie(queue);
    await queue.pool.query({ text: queueTableRule(queue.schema) });
    for (const { name } of JOBS) await ensureQueue(boss, name, queue);
    await installActivationView(queue);
  } finally {
    await boss.stop({ graceful: false });
  }
}
