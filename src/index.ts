/** sealog as a service imports it: begin an entry before an operation, complete it after. */
export type { AuditLogOptions } from './audit-log-options.ts';
export type { Completion, CompleteResult, ResultKind } from './audit-log/completion.ts';
export type { Actor, BegunEntry, NewEntry, Resource } from './audit-log/entry.ts';
export type { Instant } from './audit-log/instant.ts';
export type { Entry, EntryFilter, EntryQuery, EntryResult, Order, Page, PageQuery } from './audit-log/listing.ts';
export { type AuditLog, createAuditLog } from './create-audit-log.ts';
export { HorizonNotReachedError, InvalidArgumentError, InvalidCursorError, SealogError } from './errors.ts';
export type { EntriesQuery } from './list.ts';
export type { Logger } from './logger.ts';
export type { RecordOptions } from './record.ts';
export type { DatabaseClient, DatabasePool } from './store/database.ts';
export type { FoundEntry } from './store/find-entry.ts';
export { BeginTimeoutError, StoreError } from './store/errors.ts';
export type { Transaction } from './store/query.ts';
