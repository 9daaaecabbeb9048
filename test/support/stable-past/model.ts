import pg from 'pg';
import { testPool } from '../connection.ts';
import { type AuditLog, createAuditLog } from '../../../src/index.ts';
import type { SeenEntry } from './history.ts';
import { keyOf } from './final-past.ts';

/** What the log promises, in a few lines: an entry is completed once, and a list is the past up to its horizon. */
export class Model {
  /** Ids in the order in which they were begun; those that nobody has completed. */
  readonly incomplete: string[] = [];
  /** Committed completions. */
  readonly past: Map<string, SeenEntry> = new Map();
  /** Late outcomes that were appended, by the entry that each amends. */
  readonly amended: Set<string> = new Set();
  /** What open transactions have completed, by transaction. */
  readonly open: SeenEntry[][] = [];
  /** The highest horizon that any list has told. */
  horizon = '';

  complete(entry: SeenEntry): void {
    if (entry.timeCompleted <= this.horizon) {
      throw new Error(`${entry.id} was completed at ${entry.timeCompleted}, and ${this.horizon} had been told`);
    }
    const place = this.incomplete.indexOf(entry.id);
    // An amendment was never begun.
    if (place !== -1) this.incomplete.splice(place, 1);
    this.past.set(entry.id, entry);
  }

  /** What a list must answer that tells this horizon. */
  upTo(horizon: string): SeenEntry[] {
    if (horizon > this.horizon) this.horizon = horizon;
    const past = [...this.past.values()].filter(({ timeCompleted }) => timeCompleted <= horizon);
    return past.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }
}

/** The database, with the connections that hold the model's open transactions in the same order. */
export interface Real extends AsyncDisposable {
  readonly auditLog: AuditLog;
  readonly pool: pg.Pool;
  readonly open: pg.Client[];
  /** Sessions that have sealed in a transaction and stay in it. */
  readonly idle: pg.Client[];
  /** The same log for a reader who can seal nothing. */
  readonly readOnly: AuditLog;
  /** Where the tailing reader is, and all that it has read. */
  readonly tail: { after: string | undefined; readonly ids: string[] };
  /** The same for a follower. */
  readonly follower: { after: string | undefined; horizon: string; readonly ids: string[] };
  connect(): Promise<pg.Client>;
}

export async function openReal(url: string): Promise<Real> {
  const pool = testPool({ connectionString: url, max: 2 });
  const readOnlyPool = testPool({ connectionString: url, max: 1, options: '-c default_transaction_read_only=on' });
  const open: pg.Client[] = [];
  const idle: pg.Client[] = [];
  return {
    auditLog: createAuditLog({ pool }),
    readOnly: createAuditLog({ pool: readOnlyPool }),
    pool,
    open,
    idle,
    tail: { after: undefined, ids: [] },
    follower: { after: undefined, horizon: '', ids: [] },
    async connect() {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => {});
      await client.connect();
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...open, ...idle].map((client) => client.end()));
      await pool.end();
      await readOnlyPool.end();
    },
  };
}
