import { readdir, readFile } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Migration, MigrationProvider } from 'kysely/migration';
import { setLimits } from './transaction.ts';

/** The migrations that this version of sealog knows: plain SQL, the same files from `src/`, `dist/` and the package. */
export const MIGRATIONS_FOLDER: URL = new URL('../../migrations/', import.meta.url);

/** Names of the migrations in a folder, in their order: file names without `.sql`. */
export async function migrationNames(folder: URL): Promise<string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .toSorted();
}

/** Feeds a folder of SQL files to Kysely's migrator. Each runs with the audit log's schema as its search path. */
export function sqlMigrations(folder: URL, schema: string): MigrationProvider {
  return {
    async getMigrations() {
      const names = await migrationNames(folder);
      return Object.fromEntries(names.map((name) => [name, sqlMigration(new URL(`${name}.sql`, folder), schema)]));
    },
  };
}

// A migration takes as long as it takes, but does not stand in the way of services for long while it waits for a lock.
const LIMITS = {
  statement_timeout: '0',
  lock_timeout: '30s',
  idle_in_transaction_session_timeout: '0',
  transaction_timeout: '0',
};

function sqlMigration(file: URL, schema: string): Migration {
  return {
    async up(db) {
      const text = await readFile(file, 'utf8');
      await setLimits(db, LIMITS);
      // pg_temp last: unless it is named, temporary tables come first and could stand in for ours.
      // As text, because SET would quote pg_temp for a role with quote_all_identifiers.
      await sql`select set_config('search_path', ${`"${schema}", pg_temp`}, true)`.execute(db);
      await sql.raw(text).execute(db);
    },
  };
}
