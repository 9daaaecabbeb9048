import type { Entry } from '../audit-log/listing.ts';
import type { AuditLogDatabase } from './database.ts';
import { kyselyQuery } from './query.ts';
import { type EntryRow, selectEntries, toEntry } from './select-entries.ts';

/** A completed entry and, where its outcome came late, the entry that amends it. */
export interface FoundEntry {
  readonly entry: Entry;
  readonly amendment: Entry | null;
}

/** Served by the primary key and by `audit_log_amendment_by_amends`. */
export async function findEntry({ db, schema }: AuditLogDatabase, id: string): Promise<FoundEntry | null> {
  const rows = await kyselyQuery(db)<EntryRow>(`${selectEntries(schema)} where id = $1 or amends = $1`, [id]);
  const entry = rows.find((row) => row.id === id.toLowerCase());
  const amendment = rows.find((row) => row.amends === id.toLowerCase());
  return entry ? { entry: toEntry(entry), amendment: amendment ? toEntry(amendment) : null } : null;
}
