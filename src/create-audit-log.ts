import { checkCompletion, checkEntryId, type Completion, type CompleteResult } from './audit-log/completion.ts';
import { type BegunEntry, checkNewEntry, type NewEntry } from './audit-log/entry.ts';
import type { Entry, Page, PageQuery } from './audit-log/listing.ts';
import { InvalidArgumentError } from './errors.ts';
import { connectionLost } from './events.ts';
import { instanceName } from './instance-name.ts';
import { defaultLogger, type Logger } from './logger.ts';
import { eachEntry, type EntriesQuery, list } from './list.ts';
import { record, type RecordOptions } from './record.ts';
import { beginEntry } from './store/begin-entry.ts';
import { completeEntry } from './store/complete-entry.ts';
import { auditLogDatabase, type DatabasePool, openPool } from './store/database.ts';
import { asStoreError } from './store/errors.ts';
import { findEntry, type FoundEntry } from './store/find-entry.ts';
import { retryTransient } from './store/retry-transient.ts';

/** The database is a pool of your own (`pg.Pool`; you end it), or a connection string for a pool of ours. */
export type AuditLogOptions = ({ readonly pool: DatabasePool } | { readonly connectionString: string }) & {
  /** PostgreSQL schema of the audit log. Default `sealog`. */
  readonly schema?: string;
  /** A pino logger or one of its shape. Default: JSON lines on stderr, from `warn` on. */
  readonly logger?: Logger;
  /** Names this process in the entries that it begins. Default: host and pid. */
  readonly instanceId?: string;
  /** Most connections of the pool made for `connectionString`. Default 10. */
  readonly poolMax?: number;
};

/** The audit log of one database. */
export interface AuditLog extends AsyncDisposable {
  /**
   * Begins an entry. It is committed when this returns; only then may the operation run.
   *
   * Throws `StoreError` when the entry could not be written (then the operation must not run), and
   * `InvalidArgumentError` for an `operationId` or `actor` that can only be a mistake of the program.
   */
  begin(entry: NewEntry): Promise<BegunEntry>;

  /**
   * Records how the operation of an entry ended. Repeats itself while the database cannot be reached, for 5 s.
   *
   * Throws `StoreError` when the outcome could not be recorded: the worker will then complete the entry as `timeout`.
   */
  complete(id: string, completion: Completion): Promise<CompleteResult>;

  /**
   * Begins an entry, runs the operation, records how it ended, and returns or throws what the operation did.
   *
   * Throws before the operation runs when the entry cannot be begun. Never throws because the outcome could not be
   * recorded: that is logged at error, and the entry is left to the worker.
   */
  record<T>(entry: NewEntry, operation: (entry: BegunEntry) => T | Promise<T>, options?: RecordOptions<T>): Promise<T>;

  /**
   * One page of completed entries in the order of `(timeCompleted, id)`, none of them after the horizon: what it
   * returns will be returned again, whenever the same is asked. Incomplete entries are not shown.
   *
   * Throws `InvalidArgumentError`, and `InvalidCursorError` for an `after` that does not fit. On a connection to a
   * standby it answers as far as the standby has come, and writes nothing.
   */
  list(query?: PageQuery): Promise<Page>;

  /** The same, page after page, as an iterator. With `follow` it never ends, and yields entries as they are completed. */
  entries(query?: EntriesQuery): AsyncGenerator<Entry, void, undefined>;

  /** A completed entry, with the amendment that records its late outcome if there is one. Null when there is none. */
  find(id: string): Promise<FoundEntry | null>;
}

/**
 * Opens the audit log. Nothing is connected until the first call.
 *
 * @example
 * const auditLog = createAuditLog({ connectionString: process.env.DATABASE_URL });
 * const entry = await auditLog.begin({ operationId: 'disk_create', actor: { kind: 'user', id: 'u1' } });
 * await auditLog.complete(entry.id, { kind: 'success', httpStatusCode: 201 });
 */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { schema = 'sealog', logger = defaultLogger(), instanceId = instanceName() } = options;
  const pool = 'pool' in options ? options.pool : ownPool(options, logger);
  const database = auditLogDatabase(pool, schema);

  const auditLog: AuditLog = {
    async begin(entry) {
      checkNewEntry(entry);
      return await asStoreError('begin', () => beginEntry(database, entry, instanceId));
    },
    async complete(id, completion) {
      checkEntryId(id);
      checkCompletion(completion);
      return await asStoreError('complete', () => retryTransient(() => completeEntry(database, id, completion)));
    },
    list: (query = {}) => list(database, query),
    entries: (query = {}) => eachEntry(database, query),
    async find(id) {
      checkEntryId(id);
      return await asStoreError('find', () => findEntry(database, id));
    },
    record: (entry, operation, recordOptions = {}) => record({ auditLog, logger }, entry, operation, recordOptions),
    async [Symbol.asyncDispose]() {
      if (!('pool' in options)) await pool.end();
    },
  };
  return auditLog;
}

function ownPool(options: AuditLogOptions & { readonly connectionString: string }, logger: Logger): DatabasePool {
  const { connectionString, poolMax = 10 } = options;
  if (typeof connectionString !== 'string' || connectionString === '') {
    throw new InvalidArgumentError(
      'connectionString',
      'a postgres URL, unless a pool is given',
      typeof connectionString,
    );
  }
  return openPool({
    connectionString,
    max: poolMax,
    applicationName: 'sealog',
    onError: (err) => connectionLost(logger, { err }),
  });
}
