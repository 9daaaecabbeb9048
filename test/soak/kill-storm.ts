/**
 * Four replicas on the schedule of every minute, of which one is killed every few seconds and started again. Each
 * activation takes two seconds, so that kills meet some. Run: node test/soak/kill-storm.ts [--minutes 8] [--seed S]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { activationRows, databaseNow } from '../support/faults/activations.ts';
import { checkEffects, checkLogLines, checkOneAtATime, checkSlots } from '../support/faults/check-activations.ts';
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { insertStaleEntries } from '../support/faults/stale-entries.ts';
import { summarise } from '../support/faults/statistics.ts';

const options = { timeoutSeconds: 14_400 };

await experiment('kill-storm', async ({ history, random, minutes = 8 }) => {
  await using cluster = await startFaultCluster();
  const { pool, url } = cluster;
  await pool.query(`
    create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(2); return null; end $$;
    create trigger slow after update on sealog.audit_log for each statement execute function slow()`);
  await using fleet = openFleet({ url, history, env: { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *' } });
  const names = ['one', 'two', 'three', 'four'];
  await Promise.all(names.map(async (name) => await fleet.ready(await fleet.start(name))));

  const from = await databaseNow(pool);
  const end = performance.now() + minutes * 60_000;
  let kills = 0;
  while (performance.now() < end) {
    await delay(2500 + 3000 * random.fraction());
    // What a crashed service leaves: each activation has something to do.
    await insertStaleEntries(pool, 1 + random.below(20));
    await fleet.kill(random.pick(fleet.replicas));
    kills++;
    const away = names.find((name) => fleet.replicas.every((replica) => replica.name !== name));
    await fleet.start(away!);
  }
  // The last slot has its whole minute.
  await delay(60_000);
  const to = await databaseNow(pool);

  const { problems: missed, slots, delaysMs } = await checkSlots(pool, { ...options, from, to });
  const rows = await activationRows(pool, options);
  return {
    problems: [
      ...missed,
      ...(await checkEffects(pool, options)),
      ...(await checkOneAtATime(pool, options)),
      ...(await checkLogLines(pool, fleet.everyone)),
      ...fleet.died.map(({ name }) => `${name} died`),
    ],
    kills,
    slots,
    slotToActivationMs: summarise(delaysMs),
    activations: rows.length,
    scheduled: rows.filter(({ trigger }) => trigger === 'schedule').length,
    retried: rows.filter(({ retries }) => retries > 0).length,
    failedForGood: rows.filter(({ state }) => state === 'failed').length,
    timedOut: rows.reduce((total, { timedOut }) => total + timedOut, 0),
  };
});
