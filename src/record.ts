import type { Completion } from './audit-log/completion.ts';
import type { BegunEntry, NewEntry } from './audit-log/entry.ts';
import type { AuditLog } from './create-audit-log.ts';
import { completionLost } from './events.ts';
import type { Logger } from './logger.ts';

type Described<Kind extends Completion['kind']> = Omit<Extract<Completion, { kind: Kind }>, 'kind'>;

/** What {@link AuditLog.record} writes of an outcome. */
export interface RecordOptions<T> {
  /** What to record of what the operation returned. Default: only that it succeeded. */
  readonly describeSuccess?: (value: T) => Described<'success'>;
  /**
   * What to record of what the operation threw. Default: its `code` or name, and its message only when it is marked
   * as meant for the client (`expose`, as the errors of `http-errors` are): others may hold secrets.
   */
  readonly describeError?: (error: unknown) => Described<'error'>;
}

export async function record<T>(
  { auditLog, logger }: { readonly auditLog: AuditLog; readonly logger: Logger },
  newEntry: NewEntry,
  operation: (entry: BegunEntry) => T | Promise<T>,
  { describeSuccess, describeError = describeThrown }: RecordOptions<T>,
): Promise<T> {
  const entry = await auditLog.begin(newEntry);
  const completeAs = async (completion: () => Completion): Promise<void> => {
    try {
      await auditLog.complete(entry.id, completion());
    } catch (err) {
      completionLost(logger, { entryId: entry.id, err });
    }
  };

  let value: T;
  try {
    value = await operation(entry);
  } catch (error) {
    await completeAs(() => ({ kind: 'error', ...describeError(error) }));
    throw error;
  }
  await completeAs(() => ({ kind: 'success', ...describeSuccess?.(value) }));
  return value;
}

function describeThrown(thrown: unknown): Described<'error'> {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Record<string, unknown>;
  const code = [error['code'], error['name']].find((name) => typeof name === 'string');
  const exposed = error['expose'] === true && typeof error['message'] === 'string' ? error['message'] : undefined;
  return { code, message: exposed ?? 'the operation threw an error' };
}
