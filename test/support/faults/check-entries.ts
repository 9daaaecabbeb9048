import type { Pool } from 'pg';
import type { ServiceReport } from './service-protocol.ts';

interface EntryRow {
  readonly id: string;
  readonly result: string | null;
  readonly amends: string | null;
  readonly ageSeconds: number;
}

export interface EntriesVerdict {
  readonly problems: readonly string[];
  readonly begun: number;
  readonly byResult: Readonly<Record<string, number>>;
  readonly amendments: number;
}

/**
 * What services were told against what the table shows: every entry that was begun is there and was completed once,
 * with what was answered, or is still younger than `boundSeconds`.
 */
export async function checkEntries(
  pool: Pick<Pool, 'query'>,
  reports: readonly ServiceReport[],
  { boundSeconds }: { readonly boundSeconds: number },
): Promise<EntriesVerdict> {
  const { rows } = await pool.query<EntryRow>(
    `select id, result_kind as result, amends, extract(epoch from clock_timestamp() - time_started)::float8 as "ageSeconds"
       from sealog.audit_log`,
  );
  const entries = new Map(rows.map((row) => [row.id, row]));
  const problems: string[] = [];
  for (const report of reports) {
    if (report.event === 'begun' && !entries.has(report.id)) problems.push(`entry ${report.id} was begun and is gone`);
    if (report.event !== 'completed') continue;
    const { id, status, amendmentId } = report;
    const result = entries.get(id)?.result;
    // A completion that is repeated because its answer was lost is told that it came second.
    const expected = status === 'completed' || status === 'already-completed' ? ['success'] : ['timeout'];
    if (status === 'already-completed') expected.push('timeout');
    if (!expected.includes(result ?? 'null')) problems.push(`entry ${id}: answered ${status}, and is ${result}`);
    if (status === 'amended' && entries.get(amendmentId ?? '')?.amends !== id) {
      problems.push(`amendment ${amendmentId} of ${id} is gone`);
    }
  }
  const amended = new Set<string>();
  for (const { id, result, amends, ageSeconds } of rows) {
    if (result === null && ageSeconds > boundSeconds) problems.push(`entry ${id} is open after ${ageSeconds} s`);
    if (amends === null) continue;
    if (entries.get(amends)?.result !== 'timeout') problems.push(`${id} amends ${amends}, which did not time out`);
    if (amended.has(amends)) problems.push(`${amends} is amended twice`);
    amended.add(amends);
  }
  const results = Object.groupBy(rows, ({ result }) => result ?? 'incomplete');
  return {
    problems,
    begun: rows.length - amended.size,
    byResult: Object.fromEntries(Object.entries(results).map(([result, all]) => [result, all?.length ?? 0])),
    amendments: amended.size,
  };
}
