import { decodeCursor, encodeCursor } from '../../audit-log/cursor.ts';
import { eachPage, type EntriesQuery } from '../../list.ts';
import type { PageOf } from '../../read-page.ts';
import type { AuditLogDatabase } from '../../store/database.ts';
import { type ExactEntry, toExactEntry } from '../../store/select-entries.ts';
import type { WaitOptions } from '../../store/when-ready.ts';

const PAGE_SIZE = 1000;

export type ExactPage = PageOf<ExactEntry>;

/** The pages of a listing, with at most `limit` entries in all; the `next` of each is right behind its last entry. */
export async function* pagesUpTo(
  limit: number,
  database: AuditLogDatabase,
  query: Omit<EntriesQuery, 'pageSize'>,
  onTrouble: WaitOptions['onRetry'],
): AsyncGenerator<ExactPage, void, undefined> {
  let remaining = limit;
  const pageSize = Math.min(PAGE_SIZE, limit);
  for await (const page of eachPage(database, { ...query, pageSize }, { form: toExactEntry }, onTrouble)) {
    yield page.entries.length <= remaining ? page : beginningOf(page, remaining);
    remaining -= page.entries.length;
    if (remaining <= 0) return;
  }
}

function beginningOf(page: ExactPage, size: number): ExactPage {
  const entries = page.entries.slice(0, size);
  const { timeCompleted, id } = entries.at(-1)!;
  const next = encodeCursor({ ...decodeCursor(page.next), horizon: page.horizon, position: { timeCompleted, id } });
  return { ...page, entries, next, more: true };
}
