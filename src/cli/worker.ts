import type { App } from '../app.ts';
import { waitingForDatabase } from '../events.ts';
import { shutdownOverdue, workerStopping } from '../worker/events.ts';
import { createPrometheus } from '../http/prometheus.ts';
import { openTraces } from '../http/traces.ts';
import { checkSchema } from '../store/migrate.ts';
import { whenReady } from '../store/when-ready.ts';
import { startWorker, type Worker } from '../worker/start-worker.ts';
import type { Timings } from '../worker/timings.ts';
import { withApp } from './command.ts';
import { aborted, shutdownSignal } from './signals.ts';
import { serveProbes } from './worker-probes.ts';

/**
 * `sealog worker`: one replica, until SIGTERM or SIGINT, or until the database lets it log in no more. Waits for a database
 * that is not there or not migrated yet.
 */
export async function workerCommand(timings?: Timings): Promise<void> {
  const signal = shutdownSignal();
  await withApp((app) => runUntil(signal, app), 'stdout', { timings });
}

async function runUntil(asked: AbortSignal, app: App): Promise<void> {
  const { settings, logger, database } = app;
  const refusal = new AbortController();
  const signal = AbortSignal.any([asked, refusal.signal]);
  armDeadline(signal, app);
  await using stack = new AsyncDisposableStack();
  const prometheus = stack.use(createPrometheus());
  const { tracerProvider } = stack.use(await openTraces());
  let worker: Worker | undefined;
  stack.use(await serveProbes(app, { signal, prometheus, worker: () => worker }));

  try {
    await whenReady(
      async () => {
        await checkSchema(database);
        // Here, because whoever is told to stop meanwhile is thrown out of the waiting, and has to stop it all the same.
        worker = await startWorker({
          ...app,
          meterProvider: prometheus.meterProvider,
          tracerProvider,
          onRefused: (error) => refusal.abort(error),
        });
      },
      { signal, onRetry: (failure) => waitingForDatabase(logger, failure) },
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await aborted(signal);
  // Leaves time to hand over what is still running when its share of the grace is over.
  await worker?.stop({ graceSeconds: settings.shutdown.graceSeconds * 0.8 });
  refusal.signal.throwIfAborted();
}

/** Behind everything that waits for the database: pg-boss's stop has no deadline of its own. */
function armDeadline(signal: AbortSignal, { settings, logger }: App): void {
  const { graceSeconds } = settings.shutdown;
  signal.addEventListener('abort', () => {
    workerStopping(logger, { by: settings.instance.name, signal: String(signal.reason) });
    setTimeout(() => {
      shutdownOverdue(logger, { graceSeconds });
      process.exit(1);
    }, graceSeconds * 1000).unref();
  });
}
