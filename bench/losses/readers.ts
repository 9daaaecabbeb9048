import pg from 'pg';
import { createAuditLog, type Page } from '../../src/index.ts';

/** What a reader has seen so far. */
export interface ReadReport {
  seen: number;
  pages: number;
  /** How often it had read all that it could: only there can anything be lost. */
  caughtUp: number;
  /** Entries that are not after the one before them. */
  outOfOrder: number;
  /** Entries at or before a horizon up to which all had been read, after the horizon of their own page, and horizons that went back. */
  behindHorizon: number;
}

export interface Reader {
  /** Adds the next page to the report. `full`: there may be another one at once. */
  readPage(report: ReadReport): Promise<{ readonly full: boolean }>;
  end(): Promise<void>;
}

const PAGE = 10_000;
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** `library`: as a service reads, up to the horizon. `bare`: the keyset query that one would write, up to now. */
export const READERS: Readonly<Record<string, (url: string) => Reader>> = {
  library(url) {
    const pool = openPool(url);
    const auditLog = createAuditLog({ pool });
    let [after, horizon, readUpTo]: (string | undefined)[] = [];
    let last = '';
    const check = (page: Page, report: ReadReport): void => {
      if (horizon !== undefined && page.horizon < horizon) report.behindHorizon++;
      ({ horizon } = page);
      for (const { timeCompleted, id } of page.entries) {
        // Both have one length and one alphabet each, so that they are ordered as their text is.
        const place = `${timeCompleted} ${id}`;
        if (place <= last) report.outOfOrder++;
        last = place;
        if (timeCompleted > horizon || (readUpTo !== undefined && timeCompleted <= readUpTo)) report.behindHorizon++;
      }
    };
    return {
      async readPage(report) {
        const page = await auditLog.list({ after, limit: PAGE });
        check(page, report);
        after = page.next;
        report.seen += page.entries.length;
        if (!page.more) readUpTo = horizon;
        return { full: page.more };
      },
      end: () => pool.end(),
    };
  },

  bare(url) {
    const pool = openPool(url);
    let last = { time: '-infinity', id: NO_ID };
    return {
      async readPage(report) {
        const { rows } = await pool.query<typeof last>(
          `select id, time_completed::text as time from sealog.audit_log_complete
            where (time_completed, id) > ($1::timestamptz, $2::uuid) order by time_completed, id limit ${PAGE}`,
          [last.time, last.id],
        );
        last = rows.at(-1) ?? last;
        report.seen += rows.length;
        return { full: rows.length === PAGE };
      },
      end: () => pool.end(),
    };
  },
};

function openPool(url: string): pg.Pool {
  // Statistics are older than a table that grows fast.
  const options = '-c enable_seqscan=off -c enable_bitmapscan=off';
  const pool = new pg.Pool({ connectionString: url, max: 1, options });
  pool.on('error', () => {});
  return pool;
}
