import { sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { SchemaVersionError, StoreError } from './errors.ts';
import type { AuditLogDatabase, MigratableDatabase } from './database.ts';
import { recordMigratedRules } from './migrated-rules.ts';
import { MIGRATIONS_FOLDER, migrationNames, sqlMigrations } from './migrations.ts';

/**
 * Brings the audit log's schema to this version and returns the names of the migrations that it applied.
 *
 * All of them run in one transaction under Kysely's advisory lock: any number of processes may start this at once,
 * and one that fails leaves nothing. Then the rules that they made are recorded, for workers to compare. Throws
 * {@link SchemaVersionError} when the schema is newer than the code.
 */
export async function migrate(
  { db, patient, schema }: MigratableDatabase,
  folder: URL = MIGRATIONS_FOLDER,
): Promise<readonly string[]> {
  await refuseForeignTable({ db, schema });
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

/** Reading a table runs the policies and rules of its owner: somebody who may create in the database may have made it. */
async function refuseForeignTable({ db, schema }: AuditLogDatabase): Promise<void> {
  const { rows } = await sql<{ table: string; owner: string }>`
    select relname as table, relowner::regrole::text as owner from pg_catalog.pg_class
     where relnamespace = (select oid from pg_catalog.pg_namespace where nspname = ${schema})
       and starts_with(relname, 'migration') and relkind in ('r', 'p', 'v') and not pg_has_role(relowner, 'usage')
  `.execute(db);
  const [found] = rows;
  if (!found) return;
  const expected = `expected table ${schema}.${found.table} to belong to the role that migrates, or to one it is a member of`;
  throw new StoreError('migrate', new Error(`${expected}, got ${found.owner}`));
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
