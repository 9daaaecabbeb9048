/**
 * SIGKILL, twenty times, of the replica that is in the middle of an activation, with 10,000 stale entries in the table;
 * then SIGSTOP past its heartbeat, and SIGCONT. Run: node test/soak/kill-in-activation.ts [--rounds N] [--seed S]
 */
import { activationRows } from '../support/faults/activations.ts';
import { checkEffects, checkLogLines, checkOneAtATime } from '../support/faults/check-activations.ts';
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { killInActivation, pauseInActivation, RESCUE_SETTINGS, TIMEOUT_SECONDS } from '../support/faults/rescue.ts';
import { summarise } from '../support/faults/statistics.ts';

const STALE = 10_000;

await experiment('kill-in-activation', async ({ history, rounds = 20 }) => {
  await using cluster = await startFaultCluster();
  const { pool, url } = cluster;
  await using fleet = openFleet({ url, history, env: RESCUE_SETTINGS });
  await Promise.all(['one', 'two', 'three'].map(async (name) => await fleet.ready(await fleet.start(name))));

  const rescues: number[] = [];
  const problems: string[] = [];
  for (let round = 1; round <= rounds; round++) {
    const rescue = await killInActivation({ cluster, fleet }, STALE);
    history.record('rescue', { round, ...rescue });
    rescues.push(rescue.ms);
    if (rescue.timedOut !== 500) problems.push(`round ${round}: ${rescue.timedOut} entries instead of 500`);
    await fleet.ready(await fleet.start(rescue.victim));
  }
  const pauses: number[] = [];
  for (let round = 1; round <= Math.ceil(rounds / 5); round++) {
    const rescue = await pauseInActivation({ cluster, fleet }, STALE);
    history.record('pause', { round, ...rescue });
    pauses.push(rescue.ms);
    if (rescue.rescuer === rescue.victim) problems.push(`pause ${round}: the paused replica completed it itself`);
  }

  const options = { timeoutSeconds: TIMEOUT_SECONDS };
  if (Math.max(...rescues) >= 30_000) problems.push('a rescue took 30 s or more');
  problems.push(...(await checkEffects(pool, options)), ...(await checkOneAtATime(pool, options)));
  problems.push(...(await checkLogLines(pool, fleet.everyone)), ...fleet.died.map(({ name }) => `${name} died`));
  return {
    problems,
    staleEntries: STALE,
    killRescueMs: summarise(rescues),
    pauseRescueMs: summarise(pauses),
    activations: (await activationRows(pool, options)).length,
  };
});
