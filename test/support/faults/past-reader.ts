import { setTimeout as delay } from 'node:timers/promises';
import { type AuditLog, createAuditLog } from '../../../src/create-audit-log.ts';

/** Reads the completed past while it grows, and asks for all of it again at the end. */
export interface PastReader extends AsyncDisposable {
  /** Stops reading; what is wrong. */
  finish(): Promise<{ readonly problems: readonly string[]; readonly entries: number; readonly pages: number }>;
}

export function readThePast(url: string): PastReader {
  const auditLog = createAuditLog({ connectionString: url, logger: silent });
  const stopping = new AbortController();
  const seen: string[] = [];
  let horizon = '1970-01-01T00:00:00.000000Z';
  let pages = 0;
  const tail = async (): Promise<void> => {
    let after: string | undefined;
    while (!stopping.signal.aborted) {
      // The database may be away.
      const page = await auditLog.list({ after, limit: 500 }).catch(() => undefined);
      if (page) {
        pages++;
        after = page.next;
        horizon = page.horizon;
        seen.push(...page.entries.map((entry) => JSON.stringify(entry)));
      }
      await delay(page?.more ? 0 : 250, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const tailing = tail();
  return {
    async finish() {
      stopping.abort();
      await tailing;
      return { problems: await compare(auditLog, seen, horizon), entries: seen.length, pages };
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await tailing;
      await auditLog[Symbol.asyncDispose]();
    },
  };
}

/** Everything up to the last horizon again: it must be what was seen, to the byte and in the same order. */
async function compare(auditLog: AuditLog, seen: readonly string[], horizon: string): Promise<string[]> {
  const again: string[] = [];
  const last = seen.length > 0 ? (JSON.parse(seen.at(-1)!) as { timeCompleted: string }).timeCompleted : horizon;
  for await (const entry of auditLog.entries({ pageSize: 10_000 })) {
    if (entry.timeCompleted > last) break;
    again.push(JSON.stringify(entry));
  }
  const problems: string[] = [];
  if (again.length !== seen.length) problems.push(`${seen.length} entries were read, and ${again.length} afterwards`);
  const differs = again.findIndex((entry, index) => entry !== seen[index]);
  if (differs !== -1) problems.push(`entry ${differs} was ${seen[differs]}, and is ${again[differs]}`);
  return problems;
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
