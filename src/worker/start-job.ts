import type { Job } from '../jobs/job.ts';
import { ensureQueue, ensureSchedule } from './queue.ts';
import { type ActivationDependencies, runActivation } from './run-activation.ts';

/** Installs the queue and the schedule of a job, polls the queue, and asks for one activation at once. */
export async function startJob(dependencies: ActivationDependencies, job: Job): Promise<void> {
  const { boss, settings, logger, timings } = dependencies;
  const schedule = job.schedule(settings);
  await ensureQueue(boss, job.name, { schema: settings.queue.schema, logger, schedule });
  await ensureSchedule(boss, job.name, schedule, logger);
  const poller: string = await boss.work(
    job.name,
    // Polled when something is known to wait there (`queue-watch.ts`), and rarely in any case.
    { includeMetadata: true, pollingIntervalSeconds: timings.workSeconds },
    async ([attempt]) => {
      const outcome = await runActivation(dependencies, job, attempt!);
      // The next one of a backlog is there already: fetch it without waiting for the poll.
      if (outcome.limitReached) boss.notifyWorker(poller);
      return outcome;
    },
  );
  // Covers a total outage that hid its slots. While one waits already, this asks for nothing more.
  await boss.send(job.name, { trigger: 'startup' });
  boss.notifyWorker(poller);
}
