import { setTimeout as delay } from 'node:timers/promises';
import type { AuditCoverageOptions } from '../testing.ts';
import type { Call } from './calls.ts';

const POLL_MS = 50;
// An entry is completed after its answer was sent, so for this long its absence says nothing.
const SETTLING_MS = 1000;

/** The operations that were recorded, by the markers of the calls. */
export async function recordedOperations(
  auditLog: AuditCoverageOptions['auditLog'],
  from: string,
  calls: readonly Call[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const areFound = (which: (call: Call) => boolean): boolean =>
    calls.every((call) => !which(call) || found.has(call.marker));
  const markers = new Set(calls.map(({ marker }) => marker));
  const started = performance.now();
  for (let after: string | undefined; ; await delay(POLL_MS)) {
    const waitedMs = performance.now() - started;
    const { entries, next } = await auditLog.list({ from, after, limit: 10_000 });
    for (const { userAgent, operationId } of entries) {
      if (userAgent !== null && markers.has(userAgent)) found.set(userAgent, operationId);
    }
    const isSettled = waitedMs > SETTLING_MS || areFound(({ isAllowed }) => isAllowed);
    if ((isSettled && areFound(({ isAllowed }) => !isAllowed)) || waitedMs > timeoutMs) return found;
    after = next;
  }
}
