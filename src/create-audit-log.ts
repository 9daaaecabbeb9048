import { type AuditLogOptions, checkAuditLogOptions } from './audit-log-options.ts';
import { checkCompletion, checkEntryId, type Completion, type CompleteResult } from './audit-log/completion.ts';
import { type BegunEntry, checkNewEntry, type NewEntry } from './audit-log/entry.ts';
import type { Entry, Page, PageQuery } from './audit-log/listing.ts';
import { connectionLost, waitingForDatabase } from './events.ts';
import { instanceName } from './instance-name.ts';
import { defaultLogger, type Logger } from './logger.ts';
import { eachEntry, type EntriesQuery, list } from './list.ts';
import { record, type RecordOptions } from './record.ts';
import { runningCalls } from './running-calls.ts';
import { beginEntry } from './store/begin-entry.ts';
import { completeEntry } from './store/complete-entry.ts';
import { databaseOn, type DatabasePool, guarded } from './store/database.ts';
import { asStoreError, BeginTimeoutError } from './store/errors.ts';
import { findEntry, type FoundEntry } from './store/find-entry.ts';
import { openPool } from './store/open-pool.ts';
import { sendPrepared, sendUnprepared, type Transaction, transactionQuery } from './store/query.ts';
import { retryTransient, retryUndone } from './store/retry-transient.ts';
import { toEntry } from './store/select-entries.ts';
import { queryWithin, timeLimit } from './store/within-limit.ts';
import { writeMetrics } from './write-metrics.ts';

/** The audit log of one database. */
export interface AuditLog extends AsyncDisposable {
  /**
   * Begins an entry. It is committed when this returns; only then may the operation run.
   *
   * Throws `BeginTimeoutError` when that took longer than `beginTimeoutMs` and `StoreError` when the entry could not be
   * written: then the operation must not run. What the server has certainly undone, a serialization failure or a
   * deadlock, is repeated within that time. Throws `InvalidArgumentError` for what can only be a mistake of the
   * program: an `operationId` or `actor` that is none.
   */
  begin(entry: NewEntry): Promise<BegunEntry>;

  /**
   * Records how the operation of an entry ended. Repeats itself while the trouble may pass, for 5 s: the database cannot
   * be reached, is a standby, or ended the statement for time. Gives its connection back whatever the server does.
   *
   * Throws `StoreError` when the outcome could not be recorded: the worker will then complete the entry as `timeout`.
   */
  complete(id: string, completion: Completion): Promise<CompleteResult>;

  /**
   * Begins an entry in a transaction of yours. It is there if and when that commits: an operation that is rolled back
   * leaves no trace. The transaction is a client of `pg` that has sent `begin`, or a transaction of Kysely.
   *
   * Throws `StoreError` and `InvalidArgumentError`. Nothing is repeated, and there is no time limit but yours.
   */
  beginIn(transaction: Transaction, entry: NewEntry): Promise<BegunEntry>;

  /**
   * Records the outcome in a transaction of yours, whether the entry was begun in it or before it. Commit soon: until
   * then readers see nothing that was completed later.
   */
  completeIn(transaction: Transaction, id: string, completion: Completion): Promise<CompleteResult>;

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
   * standby it answers as far as the standby has come, and writes nothing. Throws `StoreError`; what the server has undone
   * is repeated for 5 s.
   */
  list(query?: PageQuery): Promise<Page>;

  /**
   * The same, page after page, as an iterator. With `follow` it never ends, and yields entries as they are completed; after
   * its first page it waits, and logs that, while the database is away.
   */
  entries(query?: EntriesQuery): AsyncGenerator<Entry, void, undefined>;

  /** A completed entry, with the amendment that records its late outcome if there is one. Null when there is none. */
  find(id: string): Promise<FoundEntry | null>;

  /**
   * Waits until every `begin`, `complete` and `record` that is running has ended, for 10 s at most, and then ends the
   * pool if it is sealog's own. What has not ended then loses its outcome: the worker completes its entry as `timeout`.
   * May be called more than once.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** All attempts of `complete` together. */
const COMPLETE_MS = 5000;
const FIND_MS = 5000;
/** How long disposing waits: twice as long as `complete` may take. */
const DISPOSE_MS = 2 * COMPLETE_MS;

/**
 * Opens the audit log. Nothing is connected until the first call. Throws `InvalidArgumentError` for options that could not
 * work then.
 *
 * @example
 * const auditLog = createAuditLog({ connectionString: process.env.DATABASE_URL });
 * const entry = await auditLog.begin({ operationId: 'disk_create', actor: { kind: 'user', id: 'u1' } });
 * await auditLog.complete(entry.id, { kind: 'success', httpStatusCode: 201 });
 */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  checkAuditLogOptions(options);
  const { schema = 'sealog', logger = defaultLogger(), instanceId = instanceName() } = options;
  const { beginTimeoutMs = 2000, preparedStatements = false, poolMax = 10 } = options;
  const pool = options.pool ?? ownPool(options.connectionString, poolMax, logger);
  const connections = guarded(pool);
  const database = databaseOn(connections, schema);
  const send = preparedStatements ? sendPrepared : sendUnprepared;
  const counters = writeMetrics(options.meterProvider);
  const running = runningCalls();

  async function begin(entry: NewEntry): Promise<BegunEntry> {
    checkNewEntry(entry);
    const limit = timeLimit(beginTimeoutMs, (waitedFor) => new BeginTimeoutError(beginTimeoutMs, waitedFor));
    const query = queryWithin(connections, send, limit);
    const attempt = () => beginEntry(query, schema, entry, instanceId);
    try {
      return await asStoreError('begin', () => retryUndone(attempt, beginTimeoutMs));
    } catch (error) {
      counters.beginRefused(error instanceof BeginTimeoutError ? 'timeout' : 'error');
      throw error;
    }
  }

  async function complete(id: string, completion: Completion): Promise<CompleteResult> {
    checkEntryId(id);
    checkCompletion(completion);
    const expected = { connection: 'a connection', answer: 'an answer' };
    const limit = timeLimit(
      COMPLETE_MS,
      (waitedFor) => new Error(`expected ${expected[waitedFor]} within ${COMPLETE_MS} ms, got none`),
    );
    const query = queryWithin(connections, send, limit);
    const attempt = () => completeEntry(query, schema, id, completion);
    const repetition = { limitMs: COMPLETE_MS, onRepeat: counters.completeRepeated };
    try {
      const result = await asStoreError('complete', () => retryTransient(attempt, repetition));
      if (result.status === 'amended') counters.completeAmended();
      return result;
    } catch (error) {
      counters.completeLost();
      throw error;
    }
  }

  // A pool can be ended once only, and two parts of a service may both dispose of its log.
  let disposed: Promise<void> | undefined;
  async function dispose(): Promise<void> {
    await running.ended(DISPOSE_MS);
    if (options.pool === undefined) await pool.end();
  }

  const auditLog: AuditLog = {
    begin: (entry) => running.track(begin(entry)),
    complete: (id, completion) => running.track(complete(id, completion)),
    async beginIn(transaction, entry) {
      checkNewEntry(entry);
      const queryIn = transactionQuery(transaction);
      return await asStoreError('begin', () => beginEntry(queryIn, schema, entry, instanceId));
    },
    async completeIn(transaction, id, completion) {
      checkEntryId(id);
      checkCompletion(completion);
      const queryIn = transactionQuery(transaction);
      return await asStoreError('complete', () => completeEntry(queryIn, schema, id, completion));
    },
    list: (listing = {}) => list(database, listing),
    entries: (listing = {}) => eachEntry(database, listing, (failure) => waitingForDatabase(logger, failure)),
    async find(id) {
      checkEntryId(id);
      return await asStoreError('find', () => retryUndone(() => findEntry(database, id, toEntry), FIND_MS));
    },
    record: (entry, operation, recordOptions = {}) =>
      running.track(record({ auditLog, logger }, entry, operation, recordOptions)),
    [Symbol.asyncDispose]: () => (disposed ??= dispose()),
  };
  return auditLog;
}

function ownPool(connectionString: string, poolMax: number, logger: Logger): DatabasePool {
  return openPool({
    connectionString,
    max: poolMax,
    applicationName: 'sealog',
    onError: (err) => connectionLost(logger, { err }),
  });
}
