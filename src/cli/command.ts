import type { App, AppOptions } from '../app.ts';
import { loadSettings, type LoadedSettings } from '../config/load-settings.ts';
import { settingsWarning } from '../events.ts';
import { createLogger } from './create-logger.ts';
import { printableJson } from './printable.ts';

/** Data goes to stdout and everything else to stderr, so that the output of a command can be piped. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(printableJson(value, 2));
}

/**
 * Settings and database for one command, released when it ends. A worker logs to stdout, the others to stderr. What a
 * database lacks that was not migrated, or by another version, is told as that.
 */
export async function withApp<T>(
  action: (app: App) => Promise<T>,
  logTo: 'stdout' | 'stderr' | 'nowhere' = 'stderr',
  options: AppOptions = {},
): Promise<T> {
  const loaded: LoadedSettings = loadSettings();
  const { log } = loaded.settings;
  const logger = logTo === 'nowhere' ? createLogger({ ...log, level: 'silent' }, 'stderr') : createLogger(log, logTo);
  for (const warning of loaded.warnings) settingsWarning(logger, { warning });
  // For a database that is not asked, nothing is loaded.
  const { openApp } = await import('../app.ts');
  await using app = await openApp(loaded.settings, logger, options);
  try {
    return await action(app);
  } catch (error) {
    if (isMissing(error)) await (await import('../store/migrate.ts')).checkSchema(app.database);
    throw error;
  }
}

/** Of a schema, a table, a column or a function. */
const MISSING: ReadonlySet<string | undefined> = new Set(['3F000', '42P01', '42703', '42883']);

/** Whether the database, or the error that led to this one, says that something is not there. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return MISSING.has((error as { code?: string }).code) || isMissing(error.cause);
}
