import { setTimeout as delay } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';
import { SealogError } from '../errors.ts';
import { type QueueConnection, withClient } from './boss.ts';
import { lastActivations, type RecordedActivation, recordedActivation } from './activation-history.ts';

/** No worker has run the activation in time. The request stands: the next worker runs it. */
export class ActivationTimeoutError extends SealogError {
  override readonly name = 'ActivationTimeoutError';
  readonly code = 'SEALOG_ACTIVATION_TIMEOUT';
}

const POLL_MS = 200;

/**
 * Asks for one activation now and waits until a worker has run it. When one is waiting already, that one is the
 * answer: it will run after this call began. Throws {@link ActivationTimeoutError} after `waitSeconds`.
 */
export async function requestActivation(
  queue: QueueConnection,
  { job, waitSeconds }: { readonly job: string; readonly waitSeconds: number },
): Promise<RecordedActivation> {
  return await withClient(queue, async (boss) => {
    const id = await waitingActivation(boss, job, queue.schema);
    const deadline = Date.now() + waitSeconds * 1000;
    for (;;) {
      const found = await boss.getJobById(job, id);
      if (found && ['completed', 'cancelled', 'failed'].includes(found.state)) return recordedActivation(found);
      if (Date.now() >= deadline) throw notRun(found?.state, waitSeconds);
      await delay(POLL_MS);
    }
  });
}

/** The queue takes one waiting activation. When there is one, it is as good; when it was claimed meanwhile, ask again. */
async function waitingActivation(boss: PgBoss, job: string, schema: string): Promise<string> {
  for (;;) {
    const id = await boss.send(job, { trigger: 'manual' });
    if (id !== null) return id;
    const recent = await lastActivations(boss, { job, schema, limit: 20 });
    const waiting = recent.find(({ state }) => state === 'created');
    if (waiting) return waiting.id;
  }
}

function notRun(state: string | undefined, waitSeconds: number): ActivationTimeoutError {
  const why = state === 'active' ? 'is still running' : 'was taken by no worker: is one running?';
  return new ActivationTimeoutError(`the activation ${why} (waited ${waitSeconds} s; the request stands)`);
}
