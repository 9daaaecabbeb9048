import { checkCompletion, type Completion } from './audit-log/completion.ts';
import type { BegunEntry, NewEntry } from './audit-log/entry.ts';
import { thrownCode } from './audit-log/thrown-code.ts';
import type { AuditLog } from './create-audit-log.ts';
import { checkObject, InvalidArgumentError } from './errors.ts';
import { completionLost, descriptionLost } from './events.ts';
import type { Logger } from './logger.ts';

type Described<Kind extends Completion['kind']> = Omit<Extract<Completion, { kind: Kind }>, 'kind'>;

/** What {@link AuditLog.record} writes of an outcome. It awaits both, without a limit; what they throw is logged. */
export interface RecordOptions<T> {
  /** What to record of what the operation returned. Default: only that it succeeded. */
  readonly describeSuccess?: (value: T) => Described<'success'> | Promise<Described<'success'>>;
  /**
   * What to record of what the operation threw. Default: its `code` or name, but not its message, which may hold secrets.
   */
  readonly describeError?: (error: unknown) => Described<'error'> | Promise<Described<'error'>>;
}

export async function record<T>(
  { auditLog, logger }: { readonly auditLog: AuditLog; readonly logger: Logger },
  newEntry: NewEntry,
  operation: (entry: BegunEntry) => T | Promise<T>,
  options: RecordOptions<T>,
): Promise<T> {
  if (typeof operation !== 'function') throw new InvalidArgumentError('operation', 'a function', operation);
  checkObject('options', options);
  const { describeSuccess, describeError = describeThrown } = options;
  const entry = await auditLog.begin(newEntry);
  // Nothing that goes wrong here may look as if the operation had: not a description, not the database, not the logger.
  const report = (event: typeof completionLost, err: unknown): void => {
    try {
      event(logger, { entryId: entry.id, err });
    } catch {
      // There is nobody left to tell.
    }
  };
  const completeAs = async (bare: Completion, described: () => Promise<Completion>): Promise<void> => {
    let completion = bare;
    try {
      completion = await described();
      checkCompletion(completion);
    } catch (err) {
      completion = bare;
      report(descriptionLost, err);
    }
    try {
      await auditLog.complete(entry.id, completion);
    } catch (err) {
      report(completionLost, err);
    }
  };

  let value: T;
  try {
    value = await operation(entry);
  } catch (error) {
    await completeAs({ kind: 'error', message: UNTOLD }, async () => ({
      kind: 'error',
      ...(await describeError(error)),
    }));
    throw error;
  }
  await completeAs({ kind: 'success' }, async () => ({ kind: 'success', ...(await describeSuccess?.(value)) }));
  return value;
}

const UNTOLD = 'the operation threw an error';

function describeThrown(thrown: unknown): Described<'error'> {
  return { code: thrownCode(thrown), message: UNTOLD };
}
