import { type RawBuilder, sql, type Transaction } from 'kysely';
import type { Tables } from './tables.ts';

/**
 * The rows of a query of the catalog, `catalogRules` for one. It is bound to the names of `pg_catalog` alone: otherwise
 * whoever may create in the schema could have functions of theirs run by those who ask. It is run, and so prints
 * definitions, under the schema's search path, without its name in them, and the same whatever the settings of the role, the
 * database or the server are.
 */
export async function readCatalog<T>(
  trx: Transaction<Tables>,
  schema: string,
  query: RawBuilder<T>,
): Promise<readonly T[]> {
  const settings = {
    search_path: 'pg_catalog, pg_temp',
    quote_all_identifiers: 'off',
    datestyle: 'ISO',
    timezone: 'UTC',
    intervalstyle: 'postgres',
    extra_float_digits: '1',
    bytea_output: 'hex',
    standard_conforming_strings: 'on',
    lc_monetary: 'C',
  };
  await set(trx, settings);
  // A cursor is bound when it is declared, and run when it is read.
  await sql`declare sealog_catalog no scroll cursor for ${query}`.execute(trx);
  await set(trx, { search_path: `"${schema}", pg_temp` });
  const { rows } = await sql<T>`fetch all from sealog_catalog`.execute(trx);
  return rows;
}

async function set(trx: Transaction<Tables>, settings: Readonly<Record<string, string>>): Promise<void> {
  const calls = Object.entries(settings).map(([name, value]) => sql`pg_catalog.set_config(${name}, ${value}, true)`);
  await sql`select ${sql.join(calls)}`.execute(trx);
}
