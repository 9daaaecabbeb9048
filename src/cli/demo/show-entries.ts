import type { Instant } from '../../audit-log/instant.ts';
import type { RecentEntry } from '../../store/list-recent-entries.ts';
import type { Narrator } from './narrator.ts';

/** Shows entries as a table, `emphasized` ones standing out. */
export function showEntries(
  narrator: Narrator,
  entries: readonly RecentEntry[],
  emphasized: (entry: RecentEntry) => boolean,
): void {
  const emphasizedIds = new Set(entries.filter(emphasized).map(({ id }) => shortId(id)));
  const heading = ['entry', 'operation', 'actor', 'started', 'completed', 'result', 'status'];
  narrator.table([heading, ...entries.map(row)], ([id = '']) => emphasizedIds.has(id));
}

function row(entry: RecentEntry): string[] {
  return [
    shortId(entry.id),
    entry.operationId,
    entry.actorId ?? '-',
    timeOfDay(entry.timeStarted),
    entry.timeCompleted ? timeOfDay(entry.timeCompleted) : '-',
    entry.result ?? 'incomplete',
    entry.httpStatusCode ? String(entry.httpStatusCode) : '-',
  ];
}

/** The end of a UUIDv7: its beginning is the time, and the same for neighbours. */
export function shortId(id: string): string {
  return `…${id.slice(-8)}`;
}

/** Of an instant in UTC, to the millisecond. */
export function timeOfDay(instant: Instant | Date): string {
  return (instant instanceof Date ? instant.toISOString() : instant).slice(11, 23);
}
