/**
 * A backlog of 100,000 stale entries at limit 1000, drained without the schedule while services go on; once without
 * and once with a SIGKILL in the middle. Run: node test/soak/backlog.ts [--seed S]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { checkEffects, checkLogLines, checkOneAtATime } from '../support/faults/check-activations.ts';
import { checkEntries } from '../support/faults/check-entries.ts';
import { DRAIN_TIMEOUT_SECONDS, drainBacklog } from '../support/faults/drain.ts';
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { latencies, startService } from '../support/faults/services.ts';
import { summarise } from '../support/faults/statistics.ts';

const ENTRIES = 100_000;
const CALM_SECONDS = 20;
const options = { timeoutSeconds: DRAIN_TIMEOUT_SECONDS };

await experiment('backlog', async ({ history, seed }) => {
  await using cluster = await startFaultCluster();
  const { pool, url } = cluster;
  await using fleet = openFleet({ url, history, env: { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 0 1 1 *' } });
  await Promise.all(['one', 'two', 'three'].map(async (name) => await fleet.ready(await fleet.start(name))));
  await using stack = new AsyncDisposableStack();
  const calm = { requests: 2, restMs: 40, abandonedPercent: 0, latePercent: 0 };
  const service = stack.use(await startService({ url, name: 'service', seed, ...calm }));
  const between = (from: number, to: number) => ({
    beginMs: summarise(latencies([service], { event: 'begun', from, to })),
    completeMs: summarise(latencies([service], { event: 'completed', from, to })),
  });

  const calmFrom = Date.now() + 2000;
  await delay(2000 + CALM_SECONDS * 1000);
  const drainFrom = Date.now();
  const undisturbed = await drainBacklog({ cluster, fleet }, { entries: ENTRIES, kill: false, timeoutMs: 400_000 });
  const drainTo = Date.now();
  await delay(1000);
  const killed = await drainBacklog({ cluster, fleet }, { entries: ENTRIES, kill: true, timeoutMs: 400_000 });
  await service.stop();

  const verdict = await checkEntries(pool, service.reports(), { boundSeconds: 60 });
  const problems = [
    ...verdict.problems,
    ...(await checkEffects(pool, options)),
    ...(await checkOneAtATime(pool, options)),
    ...(await checkLogLines(pool, fleet.everyone)),
    ...fleet.died.map(({ name }) => `${name} died`),
  ];
  if (verdict.byResult['timeout'] !== 2 * ENTRIES) problems.push(`timed out: ${verdict.byResult['timeout']}`);
  return {
    problems,
    undisturbed,
    withKill: { ...killed, killedAt: undefined, activations: killed.activations - undisturbed.activations },
    servicesBefore: between(calmFrom, drainFrom),
    servicesDuring: between(drainFrom, drainTo),
  };
});
