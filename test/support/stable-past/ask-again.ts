import { microsecondsOf } from '../../../src/audit-log/instant.ts';
import type { Instant, PageQuery } from '../../../src/index.ts';
import type { List, ReadPage } from './history.ts';

/** Asks for the pages again, with what they were asked with. Tells those that are not the same. */
export async function askAgain(list: List, pages: readonly ReadPage[]): Promise<string[]> {
  const differing: string[] = [];
  const waiting = pages.values();
  // Four at a time.
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (const page of waiting) {
        const again = await list(sameQuery(page));
        const ids = again.entries.filter(({ timeCompleted }) => timeCompleted <= page.horizon).map(({ id }) => id);
        if (ids.join(' ') === page.entries.map(({ id }) => id).join(' ')) continue;
        differing.push(`asked again: ${JSON.stringify(page.query)}, horizon ${page.horizon}, first at ${page.at}`);
      }
    }),
  );
  return differing;
}

/** A cursor holds its bounds. Without one, the range ended at the horizon of that time, which is farther by now. */
function sameQuery({ query, horizon }: ReadPage): PageQuery {
  if (query.after !== undefined) return query;
  const end = justAfter(horizon);
  return { ...query, to: query.to !== undefined && query.to < end ? query.to : end };
}

function justAfter(instant: Instant): Instant {
  const microseconds = microsecondsOf(instant) + 1n;
  const seconds = new Date(Number(microseconds / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(microseconds % 1_000_000n).padStart(6, '0')}Z`;
}
