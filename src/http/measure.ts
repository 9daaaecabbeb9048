import { setTimeout as delay } from 'node:timers/promises';
import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';

/** A scrape must be answered within Prometheus's default of 10 s, with or without the database. */
const ANSWER_MS = 5000;

export interface Measurement<T> {
  /** Asked once at a time, at each scrape. */
  readonly read: () => Promise<T>;
  readonly observe: (result: BatchObservableResult, value: T) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Measures when it is scraped. While what it reads from does not answer there is no value, rather than an old one, and
 * no second question.
 */
export function measure<T>(meter: Meter, instruments: Observable[], { read, observe, onError }: Measurement<T>): void {
  let underWay: Promise<T> | undefined;
  meter.addBatchObservableCallback(async (result) => {
    const answered = new AbortController();
    try {
      underWay ??= read().finally(() => (underWay = undefined));
      observe(result, await Promise.race([underWay, tooLate(answered.signal)]));
    } catch (error) {
      onError(error);
    } finally {
      answered.abort();
    }
  }, instruments);
}

async function tooLate(signal: AbortSignal): Promise<never> {
  await delay(ANSWER_MS, undefined, { signal });
  throw new Error(`no measurement within ${ANSWER_MS} ms`);
}
