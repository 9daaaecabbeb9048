import { InvalidArgumentError } from '../errors.ts';
import { auditTimeout } from '../jobs/audit-timeout.ts';
import type { Job } from '../jobs/job.ts';
import { JOBS } from '../jobs/jobs.ts';
import { requestActivation } from '../worker/request-activation.ts';
import { activationProgress } from './activation-progress.ts';
import { printJson, withApp } from './command.ts';

export interface ActivateOptions {
  readonly dryRun?: boolean;
  /** Seconds. */
  readonly wait: number;
}

/**
 * `sealog activate [job]`: asks the fleet for one activation now, tells on stderr how far it has come, and prints its
 * outcome: pg-boss's account first, then the fields of the outcome, both in an order that stays.
 */
export async function activateCommand(name: string = auditTimeout.name, options: ActivateOptions): Promise<void> {
  const job = jobNamed(name);
  await withApp(async ({ database, queue, settings }) => {
    if (options.dryRun) {
      printJson({ job: job.name, dryRun: true, ...(await job.preview({ database, settings })) });
      return;
    }
    using progress = activationProgress(job.name);
    const activation = await requestActivation(queue, {
      job: job.name,
      waitSeconds: options.wait,
      onProgress: (reached) => progress.show(reached),
    });
    progress.done(activation);
    const { outcome, ...told } = activation;
    printJson({ job: job.name, ...told, ...outcome });
    if (activation.state !== 'completed') process.exitCode = 1;
  });
}

function jobNamed(name: string): Job {
  const job = JOBS.find((known) => known.name === name);
  if (job) return job;
  throw new InvalidArgumentError('job', `one of ${JOBS.map((known) => known.name).join(', ')}`, name);
}
