import { JOBS } from '../jobs/jobs.ts';
import { openBoss, type QueueConnection } from './boss.ts';
import { ensureQueue } from './queue.ts';

/** Installs pg-boss's schema, or brings it up to date, and makes the queues of all jobs. Safe to run at once anywhere. */
export async function installQueues(queue: QueueConnection): Promise<void> {
  const boss = openBoss({ ...queue, role: 'client', migrate: true });
  await boss.start();
  try {
    for (const { name } of JOBS) await ensureQueue(boss, name);
  } finally {
    await boss.stop({ graceful: false });
  }
}
