import type { MeterProvider } from '@opentelemetry/api';

/** Calls `onAdd` when the counter is raised, and drops everything else. */
export function listeningTo(counter: string, onAdd: () => void): MeterProvider {
  const createCounter = (name: string) => ({ add: (count: number) => void (name === counter && count > 0 && onAdd()) });
  return { getMeter: () => ({ createCounter }) } as never;
}
