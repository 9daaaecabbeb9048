import { CompiledQuery, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { SchemaVersionError, StoreError } from './errors.ts';
import type { AuditLogDatabase, MigratableDatabase } from './database.ts';
import { claimSchema } from './foreign-objects.ts';
import { recordMigratedRules } from './migrated-rules.ts';
import { MIGRATIONS_FOLDER, migrationNames, sqlMigrations } from './migrations.ts';

/** The tables that are written in it by this and by installQueues. */
const WRITTEN = ['migration', 'migration_lock', 'migrated_rule', 'queue'];

/**
 * Brings the audit log's schema to this version and returns the names of the migrations that it applied.
 *
 * All of them run in one transaction under Kysely's advisory lock: any number of processes may start this at once,
 * and one that fails leaves nothing. Then the rules that they made are recorded, for workers to compare. Throws
 * {@link SchemaVersionError} when the schema is newer than the code, and {@link StoreError} when it is somebody else's.
 */
export async function migrate(
  { db, patient, schema }: MigratableDatabase,
  folder: URL = MIGRATIONS_FOLDER,
): Promise<readonly string[]> {
  await claimSchema(async ({ text, values }) => db.executeQuery(CompiledQuery.raw(text, values)), schema, WRITTEN);
  await refuseNewerSchema({ db, schema }, folder);
  const migrator = new Migrator({
    db: patient.withoutPlugins(),
    provider: sqlMigrations(folder, schema),
    migrationTableSchema: schema,
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error) {
    const failed = results.find(({ status }) => status === 'Error');
    throw new StoreError(failed ? `migration ${failed.migrationName}.sql` : 'migrate', error);
  }
  await recordMigratedRules({ db: patient, schema }, folder);
  return results.map(({ migrationName }) => migrationName);
}

/** Throws {@link SchemaVersionError} unless every migration of this version has been applied, and no other. */
export async function checkSchema({ db, schema }: AuditLogDatabase, folder: URL = MIGRATIONS_FOLDER): Promise<void> {
  const { missing } = await refuseNewerSchema({ db, schema }, folder);
  if (missing.length > 0) {
    throw new SchemaVersionError(
      'behind',
      `database schema "${schema}" lacks ${missing.join(', ')}: run \`sealog migrate\` before this version is started`,
    );
  }
}

async function refuseNewerSchema(database: AuditLogDatabase, folder: URL): Promise<{ missing: readonly string[] }> {
  const known = await migrationNames(folder);
  const applied = await appliedMigrations(database);
  const newer = applied.filter((name) => !known.includes(name));
  if (newer.length > 0) {
    throw new SchemaVersionError(
      'ahead',
      `database schema "${database.schema}" is newer than this version of sealog: it has ${newer.join(', ')}, ` +
        `and this version ends with ${known.at(-1)}; upgrade sealog`,
    );
  }
  return { missing: known.filter((name) => !applied.includes(name)) };
}

async function appliedMigrations({ db, schema }: AuditLogDatabase): Promise<string[]> {
  const { rows: tables } = await sql`
    select from pg_catalog.pg_tables where schemaname = ${schema} and tablename = 'migration'
  `.execute(db);
  if (tables.length === 0) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.id(schema, 'migration')} order by name`.execute(
    db,
  );
  return rows.map(({ name }) => name);
}
