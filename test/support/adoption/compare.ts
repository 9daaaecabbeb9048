import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type AuditLog, createAuditLog, type Logger } from '../../../src/index.ts';
import { createDatabase } from '../database.ts';
import { recordingLogger } from '../recording-logger.ts';
import type { CaseOf } from './case.ts';
import { type Outcome, outcomesOf, pathOf, type Running } from './run.ts';

/** Starts a service with all cases, audited or not. */
export type Start<Scope> = (
  cases: readonly CaseOf<Scope>[],
  effects: readonly string[][],
  audit?: { readonly auditLog: AuditLog; readonly logger: Logger },
) => Promise<Running>;

interface StoredOutcome {
  readonly uri: string;
  readonly status: number | null;
  readonly result: string | null;
}

/** Declares one test a case: without an audit log and with it, the client and the service see the same. */
export function compareAll<Scope>(cases: readonly CaseOf<Scope>[], start: Start<Scope>): void {
  const logger = recordingLogger();
  let without: readonly Outcome[];
  let audited: readonly Outcome[];
  let entries: readonly StoredOutcome[];

  beforeAll(async () => {
    await using database = await createDatabase();
    await using auditLog = createAuditLog({ connectionString: database.url, logger });
    without = await outcomesOf(cases, (effects) => start(cases, effects));
    audited = await outcomesOf(cases, (effects) => start(cases, effects, { auditLog, logger }));
    const { rows } = await database.pool.query<StoredOutcome>(
      'select request_uri as uri, http_status_code as status, result_kind as result from sealog.audit_log',
    );
    entries = rows;
  }, 180_000);

  test.each(cases.map(({ name }, index) => [name, index] as const))('%s', (_name, index) => {
    const now = audited[index]!;
    expect(now).toEqual(allowed(cases[index]!, without[index]!, now));
    const own = entries.filter(({ uri }) => uri === pathOf(index));
    expect(own).toEqual(expectedEntries(cases[index]!, now, own));
  });

  afterAll(() => {
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
}

/** What a service may do now: what it did before, with two exceptions. */
function allowed(
  { isRefused, isGone }: Pick<CaseOf<unknown>, 'isRefused' | 'isGone' | 'entries'>,
  before: Outcome,
  now: Outcome,
): Outcome {
  const { body = '', isBroken } = now.answer;
  // The framework itself runs the handler when a hook has answered and not returned the reply, unless the answer was
  // sent at once. Audited, it does not run, and the answer is the hook's alone.
  if (isRefused && before.effects.includes('handler')) {
    const effects = before.effects.filter((effect) => effect !== 'handler');
    return { answer: body.includes('handler') || isBroken ? {} : now.answer, effects };
  }
  if (isGone) {
    const effects = now.effects.length === 0 ? [] : before.effects;
    return { answer: body === '' ? now.answer : before.answer, effects };
  }
  return before;
}

/** One entry with the status that was sent, where the client knows; none is left incomplete. */
function expectedEntries(
  { entries }: Pick<CaseOf<unknown>, 'isRefused' | 'isGone' | 'entries'>,
  { answer: { status = 0, isBroken } }: Outcome,
  own: readonly StoredOutcome[],
): readonly unknown[] {
  const some: unknown = expect.stringMatching('success|error');
  if (entries === undefined) return own.map((entry) => ({ ...entry, result: some }));
  return [{ uri: expect.any(String), status, result: isBroken || status >= 400 ? 'error' : some }];
}
