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
    const { isRefused, isGone, entries: expected } = cases[index]!;
    const [before, now] = [without[index]!, audited[index]!];
    // The framework itself runs the handler when a hook has answered and not returned the reply, unless the answer was
    // sent at once. Audited, it does not run.
    if (isRefused && before.effects.includes('handler')) {
      expect(now.effects).toEqual(before.effects.filter((effect) => effect !== 'handler'));
      expect(now.answer.body).not.toContain('handler');
      expect(now.answer.isBroken).toBeUndefined();
    } else if (isGone) {
      expect([[], before.effects]).toContainEqual(now.effects);
      expect(['', before.answer.body]).toContain(now.answer.body);
    } else expect(now).toEqual(before);
    const own = entries.filter(({ uri }) => uri === pathOf(index));
    if (expected !== undefined) {
      const { status, isBroken } = now.answer;
      expect(own).toMatchObject([{ status }]);
      if (isBroken || Number(status) >= 400) expect(own).toMatchObject([{ result: 'error' }]);
    }
    expect(own.filter(({ result }) => result === null)).toEqual([]);
  });

  afterAll(() => {
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
}
