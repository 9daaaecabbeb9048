import type { Page } from '../../audit-log/listing.ts';
import { eachPage, type EntriesQuery, list } from '../../list.ts';
import type { AuditLogDatabase } from '../../store/database.ts';
import type { WaitOptions } from '../../store/when-ready.ts';

const PAGE_SIZE = 1000;

/** The pages of a listing, with at most `limit` entries in all; the `next` of each is right behind its last entry. */
export async function* pagesUpTo(
  limit: number,
  database: AuditLogDatabase,
  { follow, signal, ...query }: EntriesQuery,
  onTrouble: WaitOptions['onRetry'],
): AsyncGenerator<Page, void, undefined> {
  let { after } = query;
  let remaining = limit;
  const pageSize = Math.min(PAGE_SIZE, limit);
  for await (const page of eachPage(database, { ...query, follow, signal, pageSize }, onTrouble)) {
    // The past is final, so asking for less of the same page gives its beginning.
    const fits = page.entries.length <= remaining;
    const last = fits ? page : await list(database, { ...query, after, limit: remaining });
    yield last;
    after = last.next;
    remaining -= last.entries.length;
    if (remaining === 0) return;
  }
}
