import type { Entry } from '../audit-log/listing.ts';
import type { AuditLogDatabase } from './database.ts';
import { kyselyQuery } from './query.ts';
import { completeEntries, type EntryRow, selectEntries } from './select-entries.ts';

/** A completed entry and, where its outcome came late, the entry that amends it. */
export interface FoundEntry<E = Entry> {
  readonly entry: E;
  readonly amendment: E | null;
}

/** Served by the primary key and by `audit_log_amendment_by_amends`. */
export async function findEntry<E>(
  { db, schema }: AuditLogDatabase,
  id: string,
  form: (row: EntryRow) => E,
): Promise<FoundEntry<E> | null> {
  const found = `${selectEntries(completeEntries(schema))} where id = $1 or amends = $1`;
  const rows = await kyselyQuery(db)<EntryRow>(found, [id]);
  const entry = rows.find((row) => row.id === id.toLowerCase());
  const amendment = rows.find((row) => row.amends === id.toLowerCase());
  return entry ? { entry: form(entry), amendment: amendment ? form(amendment) : null } : null;
}
