/**
 * Ten deploys that change the schedule, each rolling over four replicas.
 * Run: node test/soak/rolling-schedule.ts [--rounds 10] [--seed S]
 */
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { rollSchedule } from '../support/faults/roll-schedule.ts';
import { summarise } from '../support/faults/statistics.ts';

await experiment('rolling-schedule', async ({ history, rounds = 10 }) => {
  await using cluster = await startFaultCluster();
  await using fleet = openFleet({ url: cluster.url, history });
  const env = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '0 * * * *' };
  for (const name of ['a-0', 'b-0', 'c-0', 'd-0']) await fleet.ready(await fleet.start(name, { env }));
  const problems: string[] = [];
  const driftMs: number[] = [];
  for (let generation = 1; generation <= rounds; generation++) {
    const rolled = await rollSchedule(fleet, cluster.pool, { cron: `${generation} * * * *`, generation });
    history.record('rolled', { generation, ...rolled });
    problems.push(...rolled.problems.map((problem) => `round ${generation}: ${problem}`));
    driftMs.push(...rolled.driftMs);
  }
  return { problems, rounds, replicas: 4, driftToldAfterMs: summarise(driftMs), diedReplicas: fleet.died.length };
});
