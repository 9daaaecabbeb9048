/**
 * A service that uses the audit log through the library until SIGTERM: it begins entries and completes most of them,
 * some late, some never. Run with {@link ServiceOptions} as JSON in its argument; tells {@link ServiceReport}s.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createAuditLog } from '../../../src/create-audit-log.ts';
import { seededRandom } from '../stable-past/random.ts';
import type { ServiceOptions, ServiceReport } from './service-protocol.ts';

const options: ServiceOptions = JSON.parse(process.argv[2] ?? '');
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

const tell = (report: ServiceReport): void => void process.stdout.write(`${JSON.stringify(report)}\n`);
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const auditLog = createAuditLog({ connectionString: options.url, instanceId: options.name, logger: silent });
const late = new Set<Promise<void>>();

async function timed<T>(
  operation: string,
  call: () => Promise<T>,
  report: (value: T, ms: number) => void,
): Promise<T | undefined> {
  const started = performance.now();
  const ms = (): number => Math.round((performance.now() - started) * 10) / 10;
  try {
    const value = await call();
    report(value, ms());
    return value;
  } catch (error) {
    // The operation does not run, or its outcome is left to the worker: what the library asks of a service.
    tell({ event: 'refused', operation, reason: String(error), ms: ms(), t: Date.now() });
    return undefined;
  }
}

async function complete(id: string): Promise<void> {
  await timed(
    'complete',
    () => auditLog.complete(id, { kind: 'success', httpStatusCode: 200 }),
    (result, ms) => {
      const amendment = result.status === 'amended' ? { amendmentId: result.amendmentId } : {};
      tell({ event: 'completed', id, status: result.status, ...amendment, ms, t: Date.now() });
    },
  );
}

async function request(index: number): Promise<void> {
  const random = seededRandom(options.seed * 64 + index);
  while (!stopping.signal.aborted) {
    const begun = await timed(
      'begin',
      () => auditLog.begin({ operationId: 'soak', actor: { kind: 'service', id: options.name } }),
      ({ id }, ms) => tell({ event: 'begun', id, ms, t: Date.now() }),
    );
    if (begun) {
      const fate = random.below(100);
      if (fate >= options.abandonedPercent + options.latePercent) await complete(begun.id);
      else if (fate < options.latePercent) {
        const completing = delay(options.lateMs, undefined, { signal: stopping.signal }).then(
          () => complete(begun.id),
          // It is stopped: the entry is left to the worker.
          () => {},
        );
        late.add(completing);
        void completing.then(() => late.delete(completing));
      }
    }
    await delay(options.restMs * random.fraction(), undefined, { signal: stopping.signal }).catch(() => {});
  }
}

await Promise.all(Array.from({ length: options.requests }, (_, index) => request(index)));
await Promise.all(late);
await auditLog[Symbol.asyncDispose]();
tell({ event: 'stopped' });
