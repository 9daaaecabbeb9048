import { performance } from 'node:perf_hooks';
import { TIMINGS, type Timings } from './timings.ts';

/**
 * Limits the log lines of an outage, in which every poll of every queue fails. `report` gets the error and how many
 * like it were left out since the last report. Errors are alike when their messages are, digits aside.
 */
export function errorBudget(
  report: (err: unknown, omitted: number) => void,
  { errorRepeatMs }: Pick<Timings, 'errorRepeatMs'> = TIMINGS,
): (err: unknown) => void {
  const kinds = new Map<string, { reportedAt: number; omitted: number }>();
  return (err) => {
    const now = performance.now();
    const kind = kindOf(err);
    const known = kinds.get(kind);
    if (known && now - known.reportedAt < errorRepeatMs) {
      known.omitted++;
      return;
    }
    for (const [key, { reportedAt }] of kinds) if (now - reportedAt >= errorRepeatMs && key !== kind) kinds.delete(key);
    kinds.set(kind, { reportedAt: now, omitted: 0 });
    report(err, known?.omitted ?? 0);
  };
}

// pg-boss names the worker in the message, by a UUID.
function kindOf(err: unknown): string {
  const { code, message } = (err ?? {}) as { code?: unknown; message?: unknown };
  return `${String(code)} ${String(message)}`.replaceAll(/[0-9a-f-]{8,}|\d+/gi, '#').slice(0, 200);
}
