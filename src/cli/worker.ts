import type { App } from '../app.ts';
import { shutdownOverdue, waitingForDatabase, workerStopping } from '../events.ts';
import { checkSchema } from '../store/migrate.ts';
import { whenReady } from '../store/when-ready.ts';
import { startWorker } from '../worker/start-worker.ts';
import { withApp } from './command.ts';
import { aborted, shutdownSignal } from './signals.ts';

/** `sealog worker`: one replica, until SIGTERM or SIGINT. Waits for a database that is not there or not migrated yet. */
export async function workerCommand(): Promise<void> {
  const signal = shutdownSignal();
  await withApp((app) => runUntil(signal, app), 'stdout');
}

async function runUntil(signal: AbortSignal, app: App): Promise<void> {
  const { settings, logger, database } = app;
  const { graceSeconds } = settings.shutdown;
  const by = settings.instance.name;
  signal.addEventListener('abort', () => {
    workerStopping(logger, { by, signal: String(signal.reason) });
    // Behind everything that waits for the database: pg-boss's stop has no deadline of its own.
    setTimeout(() => {
      shutdownOverdue(logger, { graceSeconds });
      process.exit(1);
    }, graceSeconds * 1000).unref();
  });

  const starting = whenReady(
    async () => {
      await checkSchema(database);
      return await startWorker(app);
    },
    { signal, onRetry: (failure) => waitingForDatabase(logger, failure) },
  );
  const worker = await starting.catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  await aborted(signal);
  // Leaves time to hand over what is still running when its share of the grace is over.
  await worker?.stop({ graceSeconds: graceSeconds * 0.8 });
}
