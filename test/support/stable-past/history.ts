import type { Entry, Instant, Page, PageQuery } from '../../../src/index.ts';

/** What must never change of an entry once somebody has read it. */
export interface SeenEntry {
  readonly id: string;
  readonly timeCompleted: Instant;
  readonly result: string;
}

/** One page that a reader has got. */
export interface ReadPage {
  readonly query: PageQuery;
  readonly entries: readonly SeenEntry[];
  readonly horizon: Instant;
  /** By this process's clock. */
  readonly at: string;
}

/** How pages are asked for: the library's `list`, or another way that is to be compared with it. */
export type List = (query: PageQuery) => Promise<Page>;

/** All that one reader has read, in the order in which it did. */
export class History {
  readonly reader: string;
  readonly pages: ReadPage[] = [];
  readonly #list: List;
  readonly #seen: Map<string, SeenEntry>;

  /** `seen` is shared by all readers, so that millions of sightings need little memory. */
  constructor(reader: string, list: List, seen: Map<string, SeenEntry>) {
    this.reader = reader;
    this.#list = list;
    this.#seen = seen;
  }

  readonly list: List = async (query) => {
    const page = await this.#list(query);
    const entries = page.entries.map((entry) => seenEntry(this.#seen, entry));
    this.pages.push({ query, entries, horizon: page.horizon, at: new Date().toISOString() });
    return page;
  };
}

export function seenEntry(seen: Map<string, SeenEntry>, { id, timeCompleted, result }: Entry): SeenEntry {
  const known = seen.get(id);
  if (known?.timeCompleted === timeCompleted && known.result === result.kind) return known;
  const entry = { id, timeCompleted, result: result.kind };
  seen.set(id, entry);
  return entry;
}
