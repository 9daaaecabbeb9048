/** sealog as a service imports it: begin an entry before an operation, complete it after. */
export type { Completion, CompleteResult, ResultKind } from './audit-log/completion.ts';
export type { Actor, BegunEntry, NewEntry, Resource } from './audit-log/entry.ts';
export type { Instant } from './audit-log/instant.ts';
export { type AuditLog, type AuditLogOptions, createAuditLog } from './create-audit-log.ts';
export { InvalidArgumentError, SealogError } from './errors.ts';
export type { Logger } from './logger.ts';
export type { RecordOptions } from './record.ts';
export { StoreError } from './store/errors.ts';
