import type { Job } from '../jobs/job.ts';
import { watchDrift } from './drift-watch.ts';
import { ensureQueue, ensureSchedule } from './queue.ts';
import { type ActivationDependencies, runActivation } from './run-activation.ts';

/** Installs the queue and the schedule of a job, polls the queue, and asks for one activation at once. */
export async function startJob(dependencies: ActivationDependencies, job: Job): Promise<AsyncDisposable> {
  const { boss, database, settings, logger } = dependencies;
  const configured = job.schedule(settings);
  await ensureQueue(boss, job.name);
  await ensureSchedule(boss, job.name, configured, logger);
  const poller: string = await boss.work(
    job.name,
    { includeMetadata: true, pollingIntervalSeconds: 2 },
    async ([attempt]) => {
      const outcome = await runActivation(dependencies, job, attempt!);
      // The next one of a backlog is there already: fetch it without waiting for the poll.
      if (outcome.limitReached) boss.notifyWorker(poller);
      return outcome;
    },
  );
  // Covers a total outage that hid its slots. While one waits already, this asks for nothing more.
  await boss.send(job.name, { trigger: 'startup' });
  return await watchDrift({ boss, database, logger, replica: settings.instance.name, job: job.name, configured });
}
