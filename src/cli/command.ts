import { type App, openApp } from '../app.ts';
import { loadSettings, type LoadedSettings } from '../config/load-settings.ts';
import { settingsWarning } from '../events.ts';
import { createLogger } from './create-logger.ts';

/** Data goes to stdout and everything else to stderr, so that the output of a command can be piped. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** Settings and database for one command, released when it ends. A worker logs to stdout, the others to stderr. */
export async function withApp<T>(action: (app: App) => Promise<T>, logTo: 'stdout' | 'stderr' = 'stderr'): Promise<T> {
  const loaded: LoadedSettings = loadSettings();
  const logger = createLogger(loaded.settings.log, logTo);
  for (const warning of loaded.warnings) settingsWarning(logger, { warning });
  await using app = await openApp(loaded.settings, logger);
  return await action(app);
}
