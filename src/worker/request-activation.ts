import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';
import { SealogError } from '../errors.ts';
import { findActivation, lastActivations, type RecordedActivation } from './activation-history.ts';
import { type QueueConnection, withClient } from './boss.ts';
import { listInstances } from './instances.ts';
import { runningReplica } from './running-replica.ts';
import { TIMINGS } from './timings.ts';

/** No worker has run the activation in time. The request stands: the next worker runs it. */
export class ActivationTimeoutError extends SealogError {
  override readonly name = 'ActivationTimeoutError';
  readonly code = 'SEALOG_ACTIVATION_TIMEOUT';
}

/** How far an activation has come that was asked for and has not ended. */
export type ActivationProgress =
  | { readonly state: 'queued' }
  /** It failed or its replica was lost, so many times, and is tried again. */
  | { readonly state: 'retrying'; readonly retries: number; readonly error: string | null }
  /** `by` is null while it cannot be told which replica it is. */
  | { readonly state: 'running'; readonly by: string | null; readonly since: Date | null };

export interface ActivationRequest {
  readonly job: string;
  readonly waitSeconds: number;
  /** Called with each change, and first when the request is in the queue. */
  readonly onProgress?: (progress: ActivationProgress) => void;
}

const ENDED: ReadonlySet<string> = new Set(['completed', 'cancelled', 'failed']);

/**
 * Asks for one activation now and waits until a worker has run it. When one is waiting already, that one is the
 * answer: it will run after this call began. So is one that is to be tried again when the first one fails beside it:
 * pg-boss keeps one of them, and gives the other up. Throws {@link ActivationTimeoutError} after `waitSeconds`.
 */
export async function requestActivation(
  queue: QueueConnection,
  { job, waitSeconds, onProgress }: ActivationRequest,
): Promise<RecordedActivation> {
  return await withClient(queue, async (boss) => {
    const deadline = performance.now() + waitSeconds * 1000;
    const isOver = (): boolean => performance.now() >= deadline;
    let id = await waitingActivation(boss, job, queue.schema, isOver);
    if (id === undefined) throw notRun(undefined, waitSeconds);
    let told = '';
    for (;;) {
      const activation = await findActivation(boss, { job, schema: queue.schema, id });
      if (activation && ENDED.has(activation.state)) {
        const other = activation.state === 'failed' ? await unended(boss, queue.schema, job, 'retry') : undefined;
        if (!other) return activation;
        id = other.id;
      }
      if (onProgress && activation) {
        const progress = await progressOf(boss, queue, activation);
        if (JSON.stringify(progress) !== told) onProgress(progress);
        told = JSON.stringify(progress);
      }
      if (isOver()) throw notRun(activation?.state, waitSeconds);
      await delay(TIMINGS.activationPollMs);
    }
  });
}

/** The queue takes one waiting activation. When there is one, it is as good; when it was claimed meanwhile, ask again. */
async function waitingActivation(
  boss: PgBoss,
  job: string,
  schema: string,
  isOver: () => boolean,
): Promise<string | undefined> {
  for (;;) {
    const id = await boss.send(job, { trigger: 'manual' });
    if (id !== null) return id;
    const waiting = await unended(boss, schema, job, 'created');
    if (waiting) return waiting.id;
    if (isOver()) return undefined;
    await delay(TIMINGS.activationPollMs);
  }
}

async function unended(
  boss: PgBoss,
  schema: string,
  job: string,
  wanted: 'created' | 'retry',
): Promise<RecordedActivation | undefined> {
  const [newest] = await lastActivations(boss, { job, schema, limit: 1, state: wanted });
  return newest;
}

async function progressOf(
  boss: PgBoss,
  queue: QueueConnection,
  activation: RecordedActivation,
): Promise<ActivationProgress> {
  const { state, startedOn, retries, error } = activation;
  if (state === 'active') {
    const alive = (await listInstances(boss, queue.schema)).filter(({ isAlive }) => isAlive);
    const replicas = alive.map(({ name }) => name);
    const by = startedOn && (await runningReplica(boss, { startedOn, replicas }));
    return { state: 'running', by, since: startedOn };
  }
  return state === 'retry' ? { state: 'retrying', retries: retries + 1, error } : { state: 'queued' };
}

function notRun(state: string | undefined, waitSeconds: number): ActivationTimeoutError {
  const why = state === 'active' ? 'is still running' : 'was taken by no worker: is one running?';
  return new ActivationTimeoutError(`the activation ${why} (waited ${waitSeconds} s; the request stands)`);
}
