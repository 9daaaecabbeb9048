/**
 * Replicas whose clocks are 90 s and an hour off, in both directions, and stepped while they run, on the schedule of
 * every minute. Run: node test/soak/clocks.ts [--minutes 5] [--seed S]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { activationRows, databaseNow } from '../support/faults/activations.ts';
import { checkEffects, checkOneAtATime, checkSlots } from '../support/faults/check-activations.ts';
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { summarise } from '../support/faults/statistics.ts';

const OFFSETS_MS = { exact: 0, ahead: 90_000, behind: -90_000, 'hour-ahead': 3_600_000, 'hour-behind': -3_600_000 };
const options = { timeoutSeconds: 14_400 };

await experiment('clocks', async ({ history, random, minutes = 5 }) => {
  await using cluster = await startFaultCluster();
  const { pool, url } = cluster;
  await using fleet = openFleet({ url, history, env: { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *' } });
  for (const [name, clockOffsetMs] of Object.entries(OFFSETS_MS)) {
    await fleet.ready(await fleet.start(name, { clockOffsetMs }));
  }
  const from = await databaseNow(pool);
  const end = performance.now() + minutes * 60_000;
  // For the first half the offsets stand, and then each clock is stepped again and again.
  await delay(minutes * 30_000);
  let steps = 0;
  while (performance.now() < end) {
    const replica = random.pick(fleet.replicas);
    const offsetMs = random.pick([-3_600_000, -600_000, -90_000, 0, 90_000, 180_000, 3_600_000]);
    await replica.stepClock(offsetMs);
    history.record('step', { replica: replica.name, offsetMs });
    steps++;
    await delay(3000 + 4000 * random.fraction());
  }
  const to = await databaseNow(pool);
  const { problems, slots, delaysMs } = await checkSlots(pool, { ...options, from, to, withinMs: 30_000 });
  const rows = (await activationRows(pool, options)).filter(({ createdAt }) => createdAt >= from);
  return {
    problems: [
      ...problems,
      ...(await checkEffects(pool, options)),
      ...(await checkOneAtATime(pool, options)),
      ...fleet.died.map(({ name }) => `${name} died`),
    ],
    offsetsSeconds: Object.values(OFFSETS_MS).map((offset) => offset / 1000),
    steps,
    slots,
    scheduled: rows.filter(({ trigger }) => trigger === 'schedule').length,
    slotToActivationMs: summarise(delaysMs),
  };
});
