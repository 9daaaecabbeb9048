import { setTimeout as delay } from 'node:timers/promises';
import { type App, openApp } from '../../app.ts';
import { loadSettings } from '../../config/load-settings.ts';
import { createLogger } from '../create-logger.ts';
import { migrate } from '../../store/migrate.ts';
import { installQueues } from '../../worker/install-queues.ts';
import { type Child, startChild } from './child.ts';
import { demoEnvironment } from './programs.ts';
import { startThrowawayPostgres } from './throwaway-postgres.ts';

/** What the demo plays on: a migrated database, and the processes that it starts there. All gone when disposed of. */
export interface Stage extends AsyncDisposable {
  readonly app: App;
  /** Runs Node with `args` as a process called `name`. */
  start(name: string, args: readonly string[]): Promise<Child>;
  /** Asks `probe` again and again until it returns something; throws when one of `whileRunning` has ended. */
  until<T>(probe: () => Promise<T | undefined> | T | undefined, whileRunning?: readonly Child[]): Promise<T>;
  /** Aborted when the demo has to end. */
  readonly signal: AbortSignal;
}

export async function openStage(signal: AbortSignal): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await startThrowawayPostgres());
  signal.throwIfAborted();
  const env = demoEnvironment(url);
  const { settings } = loadSettings({ env });
  const app = stack.use(await openApp(settings, createLogger({ level: 'warn', format: 'pretty' }, 'stderr')));
  await migrate(app.database);
  await installQueues(app.queue);

  const opened = stack.move();
  return {
    app,
    signal,
    async start(name, args) {
      signal.throwIfAborted();
      return opened.use(await startChild(name, args, { ...env, SEALOG_INSTANCE_NAME: name }));
    },
    async until(probe, whileRunning = []) {
      for (;;) {
        const found = await probe();
        if (found !== undefined) return found;
        for (const child of whileRunning) child.assertRunning();
        await delay(50, undefined, { signal });
      }
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
