import { spawnNode } from '../processes.ts';
import { waitUntil } from '../wait.ts';
import { logLines } from './log-lines.ts';
import type { ServiceOptions, ServiceReport } from './service-protocol.ts';

/** A running service process. */
export interface Service extends AsyncDisposable {
  readonly name: string;
  reports(): readonly ServiceReport[];
  /** Returns when it has ended what it was doing. */
  stop(): Promise<void>;
}

export async function startService(
  options: Pick<ServiceOptions, 'url' | 'name' | 'seed'> & Partial<ServiceOptions>,
): Promise<Service> {
  const defaults = { requests: 2, restMs: 40, abandonedPercent: 10, latePercent: 5, lateMs: 8000 };
  const child = await spawnNode(['test/support/faults/service.ts', JSON.stringify({ ...defaults, ...options })]);
  await child.waitForLine((line) => line.startsWith('{'), 30_000);
  return {
    name: options.name,
    reports: () => logLines(child) as unknown as readonly ServiceReport[],
    async stop() {
      child.kill('SIGTERM');
      const { code } = await child.exited;
      if (code !== 0) throw new Error(`service ${options.name} ended with ${code}:\n${child.stderr}`);
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** How long each call took, in milliseconds, of those that were answered from `from` on until `to` (wall clock). */
export function latencies(
  services: readonly Service[],
  { event, from = 0, to = Number.POSITIVE_INFINITY }: { event: 'begun' | 'completed'; from?: number; to?: number },
): number[] {
  return services
    .flatMap((service) => service.reports())
    .flatMap((report) => (report.event === event && report.t >= from && report.t < to ? [report.ms] : []));
}

/** The wall clock of the first `begin` that was answered within `withinMs` at or after `from`. */
export async function waitForBegin(services: readonly Service[], from: number, withinMs = 1000): Promise<number> {
  let first: number | undefined;
  await waitUntil(
    'a service can begin an entry',
    () => {
      const answered = services
        .flatMap((service) => service.reports())
        .flatMap((report) => (report.event === 'begun' && report.t >= from && report.ms <= withinMs ? [report.t] : []));
      first = answered.toSorted((a, b) => a - b)[0];
      return first !== undefined;
    },
    60_000,
  );
  return first!;
}
