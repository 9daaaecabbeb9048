import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../stable-past/random.ts';
import { waitUntil } from '../wait.ts';
import { activationRows, databaseNow, staleCount } from './activations.ts';
import { checkEffects, checkLogLines, checkOneAtATime, checkSlots } from './check-activations.ts';
import { checkEntries } from './check-entries.ts';
import { startFaultCluster } from './fault-cluster.ts';
import { openFleet } from './fleet.ts';
import type { History } from './history.ts';
import { readThePast } from './past-reader.ts';
import { openTroubles } from './random-faults.ts';
import { startService } from './services.ts';
import { summarise } from './statistics.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly random: Random;
  readonly history: History;
}

export interface SoakFigures {
  readonly problems: readonly string[];
  readonly [figure: string]: unknown;
}

const TIMEOUT_SECONDS = 5;
/** Timeout, a period, and the longest time to take over from a lost replica. */
const BOUND_SECONDS = TIMEOUT_SECONDS + 60 + 30;

/**
 * A fleet on the schedule of every minute under random faults, while two services begin, complete and abandon entries
 * and a reader reads; then the whole history is checked.
 */
export async function soakFleet({ minutes, seed, random, history }: SoakOptions): Promise<SoakFigures> {
  await using cluster = await startFaultCluster();
  const { pool, url } = cluster;
  const env = {
    SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *',
    SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
    SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '50',
  };
  await using fleet = openFleet({ url, history, env });
  const names = ['one', 'two', 'three', 'four'];
  await using troubles = await openTroubles({ cluster, fleet, random, history, names });
  await troubles.begin();
  await using stack = new AsyncDisposableStack();
  const service = async (name: string, offset: number) =>
    stack.use(await startService({ url, name, seed: seed + offset }));
  const services = await Promise.all([service('service-1', 1), service('service-2', 2)]);
  await using reader = readThePast(url);

  const from = await databaseNow(pool);
  const end = performance.now() + minutes * 60_000;
  const faults: Record<string, number> = {};
  while (performance.now() < end) {
    const fault = await troubles.next();
    faults[fault] = (faults[fault] ?? 0) + 1;
    await delay(1000 + 2000 * random.fraction());
  }
  await troubles.end();
  for (const one of services) await one.stop();
  const none = async (): Promise<boolean> => (await staleCount(pool, 0)) === 0;
  await waitUntil('nothing is open any more', none, BOUND_SECONDS * 1000);
  const to = await databaseNow(pool);

  const options = { timeoutSeconds: TIMEOUT_SECONDS };
  const reports = services.flatMap((one) => one.reports());
  const entries = await checkEntries(pool, reports, { boundSeconds: BOUND_SECONDS });
  const slots = await checkSlots(pool, { ...options, from, to });
  const past = await reader.finish();
  const activations = await activationRows(pool, options);
  return {
    problems: [
      ...entries.problems,
      ...slots.problems,
      ...past.problems,
      ...(await checkEffects(pool, options)),
      ...(await checkOneAtATime(pool, options)),
      ...(await checkLogLines(pool, fleet.everyone)),
      ...fleet.died.map(({ name, exit, output }) => `${name} died: ${JSON.stringify(exit)} ${output.join(' | ')}`),
    ],
    minutes,
    faults,
    entries: { begun: entries.begun, ...entries.byResult, amendments: entries.amendments },
    refused: reports.filter(({ event }) => event === 'refused').length,
    activations: activations.length,
    retried: activations.filter(({ retries }) => retries > 0).length,
    effective: activations.filter(({ timedOut }) => timedOut > 0).length,
    slots: slots.slots,
    slotToActivationMs: summarise(slots.delaysMs),
    read: { entries: past.entries, pages: past.pages },
    databaseDownMs: troubles.outages.map((outage) => outage.to - outage.from),
  };
}
