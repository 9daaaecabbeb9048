import { setTimeout as delay } from 'node:timers/promises';
import type { Entry } from '../../audit-log/listing.ts';
import type { Call } from './calls.ts';
import type { AuditCoverageOptions } from './options.ts';

const POLL_MS = 50;
// An entry is completed after its answer was sent, so for this long its absence says nothing.
const SETTLING_MS = 1000;
// A second entry of a call is completed at about the same time as the first.
const SECOND_MS = 250;

/** The entries that were recorded, by the markers of the calls: one of each call, if all is well. */
export async function recordedEntries(
  auditLog: AuditCoverageOptions['auditLog'],
  from: string,
  calls: readonly Call[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, readonly Entry[]>> {
  const found = new Map<string, Entry[]>();
  const areFound = (which: (call: Call) => boolean): boolean =>
    calls.every((call) => !which(call) || found.has(call.marker));
  const markers = new Set(calls.map(({ marker }) => marker));
  const started = performance.now();
  let foundMs: number | undefined;
  for (let after: string | undefined; ; await delay(POLL_MS)) {
    const waitedMs = performance.now() - started;
    const { entries, next } = await auditLog.list({ from, after, limit: 10_000 });
    for (const entry of entries) {
      const { userAgent } = entry;
      if (userAgent === null || !markers.has(userAgent)) continue;
      const ofCall = found.get(userAgent) ?? [];
      found.set(userAgent, [...ofCall, entry]);
    }
    const isSettled = waitedMs > SETTLING_MS || areFound(({ isAllowed }) => isAllowed);
    if (isSettled && areFound(({ isAllowed }) => !isAllowed)) foundMs ??= waitedMs;
    if (waitedMs > timeoutMs || (foundMs !== undefined && waitedMs >= foundMs + SECOND_MS)) return found;
    after = next;
  }
}
