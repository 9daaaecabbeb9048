import type { Entry } from '../audit-log/listing.ts';
import type { AuditLogDatabase } from './database.ts';
import { selectEntries, toEntry } from './select-entries.ts';

/** A completed entry and, where its outcome came late, the entry that amends it. */
export interface FoundEntry {
  readonly entry: Entry;
  readonly amendment: Entry | null;
}

/** Served by the primary key and by `audit_log_amendment_by_amends`. */
export async function findEntry({ db }: AuditLogDatabase, id: string): Promise<FoundEntry | null> {
  const rows = await selectEntries(db)
    .where((where) => where.or([where('id', '=', id), where('amends', '=', id)]))
    .execute();
  const entry = rows.find((row) => row.id === id.toLowerCase());
  const amendment = rows.find((row) => row.amends === id.toLowerCase());
  return entry ? { entry: toEntry(entry), amendment: amendment ? toEntry(amendment) : null } : null;
}
